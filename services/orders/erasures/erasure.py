"""Erasure (抹除记录, C-04): a customer asked to be forgotten, and nothing of his was open. Its id is the customer's, so there is
one for ever; the table only grows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped

from chassis.db.base import Base
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published


class Erasure(Base, Aggregate):
    """``reason`` is why, in the words of who did it (``created_by``)."""

    published = Published("aftersales.orders.erasure.v1", "erased_at")
    __tablename__ = "erasures"

    reason: Mapped[str]
    erased_at: Mapped[datetime]

    @classmethod
    def of(cls, customer_id: UUID, reason: str, at: datetime) -> Erasure:
        return cls(id=customer_id, reason=reason, erased_at=at)
