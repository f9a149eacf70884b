"""Reveal (号码查看记录, C-04): who was shown the numbers of the customer of which order, and when. The table only grows."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.events import Published
from services.orders.repairs import WorkOrder, of_order


class Reveal(Base, Scoped, Aggregate):
    """``created_by`` was shown them."""

    published = Published("aftersales.orders.reveal.v1", "customer_id", "work_order_id")
    __tablename__ = "reveals"
    __table_args__ = (Index(None, "work_order_id", "created_at"), of_order("reveals"))

    work_order_id: Mapped[UUID]
    customer_id: Mapped[UUID]

    @classmethod
    def of(cls, order: WorkOrder, customer_id: UUID) -> Reveal:
        reveal = cls(id=new_id(), org_path=order.org_path, work_order_id=order.id, customer_id=customer_id)
        reveal.record("created", work_order_number=order.number)
        return reveal
