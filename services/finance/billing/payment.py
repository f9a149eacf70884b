"""Payment (收款单, F-23): money received from the customer for one bill. Never changed; corrections reverse it (R-10)."""

import uuid
from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from services.finance.billing.bill import Bill
from services.finance.kernel import Money


class Method(StrEnum):
    """How the money came (F-22); each method has its own account in the ledger."""

    CASH = "cash"
    CARD = "card"
    BANK = "bank"
    ONLINE = "online"


class Payment(Base, Scoped, Aggregate):
    published = Published("aftersales.finance.payment.v1", "bill_id", "work_order_id", "number", "amount", "method")
    __tablename__ = "payments"
    __table_args__ = (
        *(Index(None, name, "id") for name in ("created_at", "received_on", "method", "amount")),
        Index(None, "method", "created_at", "id"),
        CheckConstraint("amount > 0", name="amount"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bills.id"), index=True)
    work_order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    received_on: Mapped[date]
    method: Mapped[Method]
    currency: Mapped[str]
    amount: Mapped[Money]

    @classmethod
    def receive(cls, bill: Bill, number: str, method: Method, amount: Decimal, on: date) -> "Payment":
        """The receipt for a payment the bill has already taken."""
        payment = cls(
            number=number,
            org_path=bill.org_path,
            bill_id=bill.id,
            work_order_id=bill.work_order_id,
            received_on=on,
            method=method,
            currency=bill.currency,
            amount=amount,
        )
        payment.record("received", open_amount=bill.open_amount)
        return payment
