"""Consent (同意记录, C-04): what a customer allowed or withdrew, when and how. Nothing is changed: the newest word holds."""

import uuid
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.domain.aggregate import Aggregate
from chassis.domain.errors import ValidationFailed

EARLIEST_ZONE = timedelta(hours=14)
"""Where a day begins first: today there is nobody's future."""


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

    @classmethod
    def state(cls, now: datetime, stated_on: date, **fields: Any) -> Self:
        """Raises ValidationFailed for a day that has not begun anywhere."""
        if stated_on > (now + EARLIEST_ZONE).date():
            raise ValidationFailed.of("stated_on", "out_of_range")
        return cls(stated_on=stated_on, **fields)
