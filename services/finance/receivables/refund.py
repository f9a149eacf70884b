"""Refund (退款单): credit paid back to its party. Never changed; corrections reverse it (R-10)."""

import uuid
from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from services.finance.kernel import Money
from services.finance.ledger import Document, OpenItem


class Refund(Base, Scoped, Aggregate):
    """``credit_id`` is the open item that it pays back, ``bill_id`` the reversed bill that the money had paid."""

    published = Published("aftersales.finance.refund.v1", "work_order_id", "number", "amount", "method")
    __tablename__ = "refunds"
    __table_args__ = (Index(None, "created_at", "id"), CheckConstraint("amount > 0", name="amount"))

    number: Mapped[str] = mapped_column(unique=True)
    credit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("open_items.id"), index=True)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bills.id"))
    work_order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    site_id: Mapped[uuid.UUID]
    paid_on: Mapped[date]
    method: Mapped[str]
    account_code: Mapped[str] = mapped_column(ForeignKey("accounts.code"))
    currency: Mapped[str]
    amount: Mapped[Money]

    @classmethod
    def pay(cls, credit: OpenItem, bill_id: uuid.UUID, number: str, method: str, account: str, amount: Decimal, on: date) -> "Refund":
        """The slip for what is to be settled of the credit."""
        refund = cls(
            number=number,
            org_path=credit.org_path,
            credit_id=credit.id,
            bill_id=bill_id,
            work_order_id=credit.work_order_id,
            site_id=credit.site_id,
            paid_on=on,
            method=method,
            account_code=account,
            currency=credit.currency,
            amount=amount,
        )
        return refund

    def document(self, credit: OpenItem) -> Document:
        return Document(
            "refund", self.id, self.number, self.site_id, self.org_path, self.currency, self.paid_on,
            work_order_id=self.work_order_id, work_order_number=credit.work_order_number, bill_id=self.bill_id,
        )  # fmt: skip
