"""Bill (结算单, F-06): what a finished work order costs, one per work order and settlement round, who pays it, and what is still open."""

import uuid
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.events import Published
from chassis.domain.machine import Machine, Move
from chassis.domain.money import ZERO
from services.finance.billing.bill_line import BillLine
from services.finance.billing.errors import SumMismatch
from services.finance.kernel import Money
from services.finance.ledger import Document, OverAllocated


class State(StrEnum):
    OPEN = "open"
    SETTLED = "settled"
    REVERSED = "reversed"


class Bill(Base, Scoped, Aggregate):
    """``open_amount`` is the customer's part not yet paid, as his open item has it; what others owe stands in theirs. ``audited``: its order
    is, and what was paid is final."""

    published = Published(
        "aftersales.finance.bill.v1",
        "work_order_id",
        "number",
        "round",
        "state",
        "customer_total",
        "maker_total",
        "open_amount",
    )
    __tablename__ = "bills"
    __table_args__ = (
        UniqueConstraint("work_order_id", "round"),
        *(
            Index(None, name, "id")
            for name in ("created_at", "issued_on", "state", "customer_total", "maker_total", "open_amount")
        ),
        *(Index(None, name, "created_at", "id") for name in ("state", "site_id", "customer_id")),
        CheckConstraint("open_amount >= 0 AND open_amount <= customer_total", name="open_amount"),
        CheckConstraint("(state = 'open') = (open_amount > 0)", name="settled"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    state: Mapped[State]
    work_order_id: Mapped[uuid.UUID]
    work_order_number: Mapped[str]
    round: Mapped[int]
    site_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None]
    issued_on: Mapped[date]
    currency: Mapped[str]
    net_total: Mapped[Money]
    tax_total: Mapped[Money]
    total: Mapped[Money]
    customer_total: Mapped[Money]
    maker_total: Mapped[Money]
    open_amount: Mapped[Money]
    audited: Mapped[bool]

    def issue(
        self,
        lines: Sequence[BillLine],
        customer_total: Decimal,
        maker_total: Decimal,
        by: str,
        credit: Decimal = ZERO,
    ) -> Decimal:
        """Take the lines of a bill just made: totals are the sums of the shown lines (R-08) and must equal what the
        order announced, else SumMismatch. The customer's credit pays as far as it goes; what it paid is returned.
        Settled at once when nothing is left to pay."""
        self.net_total, self.tax_total, self.total = (
            _sum(lines, column) for column in ("net", "tax", "total")
        )
        self.customer_total, self.maker_total = (sum((line.paid_by(who) for line in lines), ZERO) for who in ("customer", "maker"))
        if (self.customer_total, self.maker_total) != (customer_total, maker_total):
            raise SumMismatch(
                f"lines give {self.customer_total} and {self.maker_total}, announced {customer_total} and {maker_total}"
            )
        used = min(credit, self.customer_total)
        self.state, self.open_amount = State.OPEN, self.customer_total - used
        self.journal(Journal("issue", by, None, State.OPEN, data={"credit": str(used)} if used else None))
        if not self.open_amount:
            MACHINE.fire(self, "settle", by)
        self.record("issued")
        return used

    def pay(self, amount: Decimal, payment_number: str, by: str) -> None:
        """Take a part or all of what is open (F-23). Raises OverAllocated above it, so also on a settled bill."""
        self.check_open(amount)
        left = self.open_amount - amount
        data = {"payment": payment_number, "amount": str(amount)}
        MACHINE.fire(self, "payments", by, to=State.OPEN if left else State.SETTLED, data=data)
        self.open_amount = left

    def take_back(self, amount: Decimal, payment_number: str, reason: str, by: str) -> None:
        """A payment was reversed (R-10): so much is open again. Raises BadTransition once its order is audited, or the bill reversed."""
        data = {"payment": payment_number, "amount": str(amount)}
        MACHINE.fire(self, "reverse_payment", by, why=reason, data=data)
        self.open_amount += amount

    def reverse(self, reversal_number: str, reason: str, by: str) -> None:
        """The reversing document takes its place (R-10); amounts stay as they were. What the customer paid is his, what he did not is owed
        no longer."""
        MACHINE.fire(self, "reverse", by, why=reason, data={"reversal": reversal_number})
        credited, self.open_amount = self.customer_total - self.open_amount, ZERO
        self.record("reversed", reversal_number=reversal_number, credited=credited)

    def check_open(self, amount: Decimal) -> None:
        if amount > self.open_amount:
            raise OverAllocated(f"{amount} > {self.open_amount}", field="amount", open_amount=self.open_amount)

    def shares(self, lines: Sequence[BillLine]) -> dict[tuple[str, uuid.UUID | None], Decimal]:
        """What each payer and party pays of these lines."""
        found: dict[tuple[str, uuid.UUID | None], Decimal] = {}
        for share in (share for line in lines for share in line.shares):
            party = share["party_id"]
            key = (share["payer"], None if party is None else uuid.UUID(party))
            found[key] = found.get(key, ZERO) + Decimal(share["amount"])
        return found

    def document(self, type_: str = "bill", on: date | None = None) -> Document:
        """The bill itself, or what is done with it under its number."""
        return Document(
            type_, self.id, self.number, self.site_id, self.org_path, self.currency, on or self.issued_on,
            work_order_id=self.work_order_id, work_order_number=self.work_order_number, bill_id=self.id,
        )  # fmt: skip


def _sum(lines: Sequence[BillLine], column: str) -> Decimal:
    return sum((getattr(line, column) for line in lines), ZERO)


MACHINE = Machine(
    "bill",
    State,
    initial=State.OPEN,
    final={State.REVERSED},
    moves=[
        # Named as its path, POST /bills/{id}/payments: clients look for the word in allowed_actions.
        Move("payments", {State.OPEN}, {State.OPEN, State.SETTLED}, permission="finance.payment.create"),
        Move("settle", {State.OPEN}, State.SETTLED),
        Move("reverse_payment", {State.OPEN, State.SETTLED}, State.OPEN, when=lambda bill: not bill.audited),
        Move("reverse", {State.OPEN, State.SETTLED}, State.REVERSED),
    ],
)
