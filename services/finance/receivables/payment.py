"""Payment (收款单, F-23): money received from one payer, and what of his it settles. Never changed; a payment of the negative amount takes it
back (R-10)."""

import uuid
from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from chassis.domain.principal import Principal
from services.finance.kernel import Money
from services.finance.ledger import Document, OpenItem

REVERSE = "finance.payment.reverse"


class Payment(Base, Scoped, Aggregate):
    """``bill_id`` and ``work_order_id`` where it settles one bill alone; a customer's is then told to others. ``account_code`` is where the
    money is."""

    published = Published(
        "aftersales.finance.payment.v1", "bill_id", "work_order_id", "number", "amount", "method", only=lambda payment: payment.told
    )
    __tablename__ = "payments"
    __table_args__ = (
        *(Index(None, name, "id") for name in ("created_at", "received_on", "method", "amount")),
        *(Index(None, name, "created_at", "id") for name in ("method", "party_id")),
        CheckConstraint("(amount > 0) = (reverses_id IS NULL) AND amount <> 0", name="amount"),
        CheckConstraint("(reason IS NULL) = (reverses_id IS NULL)", name="reason"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    payer: Mapped[str]
    party_id: Mapped[uuid.UUID | None]
    site_id: Mapped[uuid.UUID]
    bill_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bills.id"), index=True)
    work_order_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    received_on: Mapped[date]
    method: Mapped[str]
    account_code: Mapped[str] = mapped_column(ForeignKey("accounts.code"))
    currency: Mapped[str]
    amount: Mapped[Money]
    reverses_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payments.id"), unique=True)
    reversed_by_id: Mapped[uuid.UUID | None]
    reason: Mapped[str | None]

    @classmethod
    def receive(cls, items: list[OpenItem], number: str, method: str, account: str, amount: Decimal, on: date) -> "Payment":
        """The receipt for what these items, of one payer at one site, have already taken."""
        first, orders = items[0], {item.work_order_id for item in items}
        bills = {item.document_id if item.document_type == "bill" else None for item in items}
        return cls(
            number=number,
            org_path=first.org_path,
            payer=first.payer,
            party_id=first.party_id,
            site_id=first.site_id,
            bill_id=bills.pop() if len(bills) == 1 else None,
            work_order_id=orders.pop() if len(orders) == 1 else None,
            received_on=on,
            method=method,
            account_code=account,
            currency=first.currency,
            amount=amount,
            reverses_id=None,
            reversed_by_id=None,
            reason=None,
        )

    def taken_back(self, number: str, reason: str, on: date) -> "Payment":
        """The payment of the negative amount that stands against this one."""
        names = ("org_path", "payer", "party_id", "site_id", "bill_id", "work_order_id", "method", "account_code", "currency")
        kept = {name: getattr(self, name) for name in names}
        return Payment(**kept, number=number, received_on=on, amount=-self.amount, reverses_id=self.id, reversed_by_id=None, reason=reason)

    @property
    def told(self) -> bool:
        """Its order hears of it. What others pay is not the customer's to know."""
        return self.bill_id is not None and self.payer == "customer"

    @property
    def reversible(self) -> bool:
        return self.reverses_id is None and self.reversed_by_id is None

    def allowed(self, principal: Principal) -> list[str]:
        """Whether the bill still lets it is asked when it is done."""
        return ["reverse"] if self.reversible and principal.may(REVERSE) else []

    def document(self, work_order_number: str | None = None) -> Document:
        return Document(
            "payment", self.id, self.number, self.site_id, self.org_path, self.currency, self.received_on,
            work_order_id=self.work_order_id, work_order_number=work_order_number, bill_id=self.bill_id,
        )  # fmt: skip
