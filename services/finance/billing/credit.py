"""Credit (客户预收款): what a customer paid for a bill that was reversed. It pays the order's next bill; the rest is paid back."""

import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate, Journal, new_id
from services.finance.billing.bill import Bill
from services.finance.billing.errors import OverAllocated
from services.finance.kernel import Money


class Credit(Base, Scoped, Aggregate):
    """One per work order. ``balance``: what is left; the database holds it to reversals less allocations and refunds."""

    __tablename__ = "credits"
    __table_args__ = (
        Index(None, "created_at", "id"),
        CheckConstraint("balance >= 0", name="balance"),
    )

    work_order_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    work_order_number: Mapped[str]
    site_id: Mapped[uuid.UUID] = mapped_column(index=True)
    customer_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    currency: Mapped[str]
    balance: Mapped[Money]

    @classmethod
    def of(cls, bill: Bill, by: str) -> "Credit":
        """The empty credit of the bill's work order."""
        credit = cls(
            org_path=bill.org_path,
            work_order_id=bill.work_order_id,
            work_order_number=bill.work_order_number,
            site_id=bill.site_id,
            customer_id=bill.customer_id,
            currency=bill.currency,
            balance=Decimal("0.00"),
        )
        credit.journal(Journal("open", by))
        return credit

    def add(self, amount: Decimal, document: str, by: str) -> None:
        self._move(amount, "add", document, by)

    def spend(self, amount: Decimal, document: str, by: str) -> None:
        """For the next bill or paid back. Raises OverAllocated above the balance."""
        self.check_left(amount)
        self._move(-amount, "spend", document, by)

    def check_left(self, amount: Decimal) -> None:
        if amount > self.balance:
            raise OverAllocated(f"{amount} > {self.balance}", field="amount", open_amount=self.balance)

    def _move(self, amount: Decimal, action: str, document: str, by: str) -> None:
        self.balance += amount
        self.journal(Journal(action, by, data={"document": document, "amount": str(abs(amount))}))


class Allocation(Base, Scoped):
    """Credit used for a bill when it was issued. Never changed."""

    __tablename__ = "credit_allocations"
    __table_args__ = (CheckConstraint("amount > 0", name="amount"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    work_order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bills.id"), unique=True)
    amount: Mapped[Money]
