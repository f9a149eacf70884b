"""Reversal (红冲单, R-10): the document that takes a settled bill back. The bill's amounts stay; this one stands against them."""

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from services.finance.billing.bill import Bill
from services.finance.kernel import Money
from services.finance.ledger import Document


class Reversal(Base, Scoped, Aggregate):
    """One per bill, for ever. ``credited``: what the customer had paid, his credit from now on; what others had paid is theirs likewise.
    Never changed."""

    __tablename__ = "bill_reversals"
    __table_args__ = (
        Index(None, "created_at", "id"),
        CheckConstraint("credited >= 0 AND maker_total >= 0", name="amounts"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bills.id"), unique=True)
    work_order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    reversed_on: Mapped[date]
    reason: Mapped[str]
    requested_by: Mapped[str]
    currency: Mapped[str]
    credited: Mapped[Money]
    maker_total: Mapped[Money]

    @classmethod
    def of(cls, bill: Bill, number: str, reason: str, on: date, requested_by: str) -> "Reversal":
        """Against the whole bill. ``requested_by``: who un-audited the order, both names when acting for another."""
        return cls(
            number=number,
            org_path=bill.org_path,
            bill_id=bill.id,
            work_order_id=bill.work_order_id,
            reversed_on=on,
            reason=reason,
            requested_by=requested_by,
            currency=bill.currency,
            credited=bill.customer_total - bill.open_amount,
            maker_total=bill.maker_total,
        )

    def document(self, bill: Bill) -> Document:
        return Document(
            "reversal", self.id, self.number, bill.site_id, self.org_path, self.currency, self.reversed_on,
            work_order_id=bill.work_order_id, work_order_number=bill.work_order_number, bill_id=bill.id,
        )  # fmt: skip
