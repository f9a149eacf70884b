"""Refund (退款单): credit paid back to the customer. Never changed; corrections reverse it (R-10)."""

import uuid
from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from services.finance.billing.credit import Credit
from services.finance.billing.payment import Method
from services.finance.kernel import Money


class Refund(Base, Scoped, Aggregate):
    published = Published("aftersales.finance.refund.v1", "work_order_id", "number", "amount", "method")
    __tablename__ = "refunds"
    __table_args__ = (Index(None, "created_at", "id"), CheckConstraint("amount > 0", name="amount"))

    number: Mapped[str] = mapped_column(unique=True)
    credit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("credits.id"), index=True)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bills.id"))
    work_order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    paid_on: Mapped[date]
    method: Mapped[Method]
    currency: Mapped[str]
    amount: Mapped[Money]

    @classmethod
    def pay(
        cls, credit: Credit, bill_id: uuid.UUID, number: str, method: Method, amount: Decimal, on: date
    ) -> "Refund":
        """The slip for what the credit has already given. ``bill_id``: the reversed bill that the money had paid."""
        refund = cls(
            number=number,
            org_path=credit.org_path,
            credit_id=credit.id,
            bill_id=bill_id,
            work_order_id=credit.work_order_id,
            paid_on=on,
            method=method,
            currency=credit.currency,
            amount=amount,
        )
        refund.record("paid", credit_left=credit.balance)
        return refund
