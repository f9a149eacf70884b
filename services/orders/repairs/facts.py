"""What other services reported about an order: read copies that the order's gates look at, seen where the order is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, ReadCopy, Scoped
from services.orders.repairs.sections import of_order


class Parts(Base, Scoped, ReadCopy):
    """Requisition (领料单) of inventory: ``lines`` are {part_id, needed, reserved, issued, returned[, serial_numbers]}, quantities numbers.
    ``quote_version`` is the version inventory last followed; ``cancelled``: it followed a cancel, nothing is reserved any more."""

    __tablename__ = "requisition_copies"
    __table_args__ = (of_order("requisition_copies"),)

    work_order_id: Mapped[UUID] = mapped_column(index=True)
    quote_version: Mapped[int | None]
    reserved_all: Mapped[bool]
    issued_all: Mapped[bool]
    issued_any: Mapped[bool]
    cancelled: Mapped[bool]
    lines: Mapped[list[dict[str, Any]]]
    drafts: Mapped[list[dict[str, Any]]]
    """Requisitions by hand that nobody has applied for yet: {id, type}."""

    @property
    def reserved_any(self) -> bool:
        """Something lies ready in the store and may be handed out at any moment."""
        return any(line["reserved"] > 0 for line in self.lines)


class Bill(Base, Scoped, ReadCopy):
    """Bill (结算单) of finance, one per order and round. ``open_amount`` is the customer's part not yet paid."""

    __tablename__ = "bill_copies"

    work_order_id: Mapped[UUID]
    number: Mapped[str]
    round: Mapped[int]
    state: Mapped[str]
    customer_total: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    maker_total: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    open_amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))

    __table_args__ = (Index("ix_bill_copies_order", "work_order_id", "round"), of_order("bill_copies"))

    def shown(self) -> dict[str, Any]:
        """As named in a refusal."""
        return {
            "id": str(self.id),
            "number": self.number,
            "state": self.state,
            "open_amount": str(self.open_amount),
        }


class Revisit(Base, Scoped, ReadCopy):
    """Revisit (回访) of customer service, recorded or not."""

    __tablename__ = "revisit_copies"
    __table_args__ = (of_order("revisit_copies"),)

    work_order_id: Mapped[UUID] = mapped_column(index=True)
    recorded: Mapped[bool]
    solved: Mapped[bool | None]
    score: Mapped[int | None]
