"""Consent (同意记录, C-04): what a customer allowed or withdrew, when and how. Nothing is changed: the newest word holds."""

import uuid
from datetime import date
from enum import StrEnum

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.domain.aggregate import Aggregate


class Kind(StrEnum):
    SERVICE_CONTACT = "service_contact"
    MARKETING = "marketing"
    DATA_SHARING = "data_sharing"
    RECORDING = "recording"


class Consent(Base, Aggregate):
    """``stated_on`` is the day the customer said so, by ``channel``. The table only grows."""

    __tablename__ = "consents"
    __table_args__ = (
        Index(None, "customer_id", "kind", "stated_on", "id"),
        *(Index(None, name, "id") for name in ("created_at", "stated_on")),
    )

    customer_id: Mapped[uuid.UUID]
    kind: Mapped[Kind] = mapped_column(index=True)
    given: Mapped[bool]
    stated_on: Mapped[date]
    channel: Mapped[str]
