"""Quotation (报价单, F-05): lines priced from read copies (pricing.py), and who pays them (shares.py).

A version and its lines are rows of their own: consent, discount, a bad part and a claim point at a line. ``ref`` of a line is the rate's code
or the part's id; ``minutes`` stands on labour that was given in minutes and is priced by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import new_id
from chassis.domain.money import money
from services.orders.devices import Coverage
from services.orders.kernel import Document, quantity
from services.orders.repairs.billing import CURRENCY, BilledLine, Billing, billed, settled, totals
from services.orders.repairs.pricing import Discount, Position, Priced, Step, of_rest, price
from services.orders.repairs.sections import PartReturn, of_order
from services.orders.repairs.shares import CUSTOMER, MAKER, Share, Term, paid_by, share_out


class QuoteState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


def payer(coverage: Coverage) -> str:
    """Who pays what nobody else takes over: the maker in warranty, otherwise the customer."""
    return MAKER if coverage is Coverage.IN_WARRANTY else CUSTOMER


class Quote(Base, Scoped):
    """One version, never changed but by its answer (R-03); ``replaced_at`` says when a newer one took its place."""

    __tablename__ = "quotes"
    __table_args__ = (of_order("quotes"),)

    work_order_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[QuoteState]
    coverage: Mapped[Coverage]
    tax_rate: Mapped[Decimal] = mapped_column(Numeric())
    terms: Mapped[list[Term]] = mapped_column(JSONB)
    """Who takes over what, beside whom coverage names."""
    currency: Mapped[str]
    customer_total: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    maker_total: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    approved_by: Mapped[str | None]
    reason: Mapped[str | None]
    replaced_at: Mapped[datetime | None]

    @property
    def lines(self) -> list[QuoteLine]:
        """In order, read with the quote."""
        found: list[QuoteLine] = self.__dict__["lines"]
        return found

    @lines.setter
    def lines(self, lines: list[QuoteLine]) -> None:
        self.__dict__["lines"] = lines

    @classmethod
    def offer(
        cls,
        work_order_id: UUID,
        org_path: str,
        version: int,
        positions: Iterable[Position],
        tax_rate: Decimal,
        coverage: Coverage,
        discount: Discount | None = None,
        terms: Sequence[Term] = (),
    ) -> Quote:
        """A new version. When the customer owes nothing it needs no answer and is approved at once."""
        priced = price(positions, tax_rate, discount)
        shares = share_out([(line.net, line.tax) for line in priced], terms, payer(coverage))
        largest = max(priced, key=lambda line: line.total).position.field if priced else "lines"
        owed = [(paid_by(CUSTOMER, [of]), paid_by(MAKER, [of]), largest.partition(".")[0]) for of in shares]
        customer, maker = totals(owed)
        quote = cls(
            work_order_id=work_order_id,
            org_path=org_path,
            version=version,
            state=QuoteState.WAITING if customer else QuoteState.APPROVED,
            coverage=coverage,
            tax_rate=tax_rate,
            terms=list(terms),
            currency=CURRENCY,
            customer_total=customer,
            maker_total=maker,
            approved_by=None,
            reason=None,
            replaced_at=None,
        )
        quote.lines = [
            QuoteLine.of(work_order_id, org_path, version, place, line, of) for place, (line, of) in enumerate(zip(priced, shares, strict=True), start=1)
        ]
        return quote

    def parts(self, returns: Sequence[PartReturn]) -> dict[str, Decimal]:
        """Quantities by part id, less what was returned under this version; parts no longer needed are left out."""
        left = {line.ref: line.quantity for line in self.lines if line.kind == "part"}
        for item in returns:
            if item.version == self.version and str(item.part_id) in left:
                left[str(item.part_id)] -= item.quantity
        return {part_id: rest for part_id, rest in left.items() if rest > 0}

    def billing(self, returns: Sequence[PartReturn], round_: int) -> Billing:
        """What finance bills: the lines, parts only as far as they stayed in the device (billed = issued - returned); where some came back,
        what is left is shared anew."""
        left = self.parts(returns)
        lines = []
        for line in self.lines:
            rest = left.get(line.ref, Decimal(0)) if line.kind == "part" else line.quantity
            if rest > 0:
                lines.append(line.priced(rest))
        if all(line.kind != "part" or left.get(line.ref) == line.quantity for line in self.lines):
            shares = [line.shares for line in self.lines]
        else:
            shares = share_out([(line.net, line.tax) for line in lines], self.terms, payer(self.coverage))
        return settled(round_, self.currency, [billed(line, of) for line, of in zip(lines, shares, strict=True)])


class QuoteLine(Base, Scoped):
    """``steps`` come to the net, ``shares`` to net and tax; the database holds them to it."""

    __tablename__ = "quote_lines"
    __table_args__ = (
        ForeignKeyConstraint(["work_order_id", "version"], ["quotes.work_order_id", "quotes.version"]),
        of_order("quote_lines"),
        Index(None, "work_order_id", "version", "position", unique=True),
        CheckConstraint("sum_of(steps, 'amount') = net", name="steps"),
        CheckConstraint("sum_of(shares, 'net') = net AND sum_of(shares, 'tax') = tax AND sum_of(shares, 'amount') = net + tax", name="shares"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    work_order_id: Mapped[UUID]
    version: Mapped[int]
    position: Mapped[int]
    kind: Mapped[str]
    ref: Mapped[str]
    description: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Numeric(18, 6))
    minutes: Mapped[int | None]
    unit_price: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    steps: Mapped[list[Step]] = mapped_column(JSONB)
    net: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    tax_rate: Mapped[Decimal] = mapped_column(Numeric())
    tax: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    shares: Mapped[list[Share]] = mapped_column(JSONB)

    @classmethod
    def of(cls, work_order_id: UUID, org_path: str, version: int, place: int, line: Priced, shares: list[Share]) -> QuoteLine:
        position = line.position
        return cls(
            id=new_id(),
            work_order_id=work_order_id,
            org_path=org_path,
            version=version,
            position=place,
            kind=position.kind,
            ref=position.ref,
            description=position.description,
            quantity=position.quantity,
            minutes=position.minutes,
            unit_price=money(position.unit_price),
            steps=list(line.steps),
            net=line.net,
            tax_rate=line.tax_rate,
            tax=line.tax,
            shares=shares,
        )

    def priced(self, quantity: Decimal) -> Priced:
        """As many of it as are left."""
        position = Position(self.kind, self.ref, self.description, quantity, self.unit_price, self.minutes)
        if quantity == self.quantity:
            return Priced(position, tuple(self.steps), self.tax_rate)
        return of_rest(position, self.steps, self.quantity, self.tax_rate)

    def billed(self) -> BilledLine:
        return billed(self.priced(self.quantity), self.shares)


def total_by_part(lines: Sequence[Document]) -> dict[str, Decimal]:
    """Quantities of ``{part_id, quantity}`` summed by part: what a limit of a part is held against, however many lines there are."""
    found: dict[str, Decimal] = {}
    for line in lines:
        found[line["part_id"]] = found.get(line["part_id"], Decimal(0)) + quantity(line["quantity"])
    return found
