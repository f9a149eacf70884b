"""Quotation (报价单, F-05): lines priced from read copies, tax per line half up (R-08), split between customer and maker.

A version and its lines are rows of their own: consent, discount, a bad part and a claim point at a line. ``ref`` of a line is the rate's code
or the part's id; ``minutes`` stands on labour that was given in minutes and is priced by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NotRequired, TypedDict
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import new_id
from chassis.domain.money import ZERO, bounded, line_net, money, tax_of
from services.orders.devices import Coverage
from services.orders.kernel import Document, number, quantity
from services.orders.repairs.sections import PartReturn

CURRENCY = "CNY"


class QuoteState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


class BilledLine(TypedDict):
    """A line as it is billed and sent: money as text of 2 places, ``quantity`` a number (hours or pieces)."""

    kind: str
    ref: str
    description: str
    quantity: int | float
    minutes: NotRequired[int]
    unit_price: str
    net: str
    tax: str
    total: str
    customer_amount: str
    maker_amount: str


class Billing(TypedDict):
    """What finance bills in a settlement round."""

    round: int
    currency: str
    lines: list[BilledLine]
    customer_total: str
    maker_total: str


@dataclass(frozen=True, slots=True)
class Position:
    """What is quoted before tax: ``quantity`` hours of a labour rate or pieces of a part at ``unit_price``."""

    kind: str
    ref: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    minutes: int | None = None
    """Of labour that was given in minutes; ``quantity`` then shows them as hours."""
    field: str = "lines"
    """Member of the request it comes from, where something is wrong with it."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of one line: net and tax each half up; in warranty the maker pays all of it, otherwise the customer."""

    net: Decimal
    tax: Decimal
    customer: Decimal
    maker: Decimal

    @classmethod
    def of(cls, position: Position, tax_rate: Decimal, coverage: Coverage) -> Amounts:
        net = line_net(position.quantity, position.unit_price, position.minutes)
        tax = tax_of(net, tax_rate)
        total = bounded(net + tax, position.field)
        customer = ZERO if coverage is Coverage.IN_WARRANTY else total
        return cls(net, tax, customer, total - customer)


class Quote(Base, Scoped):
    """One version, never changed but by its answer (R-03); ``replaced_at`` says when a newer one took its place."""

    __tablename__ = "quotes"

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[QuoteState]
    coverage: Mapped[Coverage]
    tax_rate: Mapped[Decimal] = mapped_column(Numeric())
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
        cls, work_order_id: UUID, org_path: str, version: int, positions: Iterable[Position], tax_rate: Decimal, coverage: Coverage
    ) -> Quote:
        """A new version. When the customer owes nothing it needs no answer and is approved at once."""
        positions = list(positions)
        lines = [
            QuoteLine.of(work_order_id, org_path, version, place, position, Amounts.of(position, tax_rate, coverage))
            for place, position in enumerate(positions, start=1)
        ]
        largest = max(zip(lines, positions, strict=True), key=lambda pair: pair[0].total)[1] if lines else None
        field = largest.field.partition(".")[0] if largest else "lines"
        customer, maker = totals((line.customer_amount, line.maker_amount, field) for line in lines)
        quote = cls(
            work_order_id=work_order_id,
            org_path=org_path,
            version=version,
            state=QuoteState.WAITING if customer else QuoteState.APPROVED,
            coverage=coverage,
            tax_rate=tax_rate,
            currency=CURRENCY,
            customer_total=customer,
            maker_total=maker,
            approved_by=None,
            reason=None,
            replaced_at=None,
        )
        quote.lines = lines
        return quote

    def parts(self, returns: Sequence[PartReturn]) -> dict[str, Decimal]:
        """Quantities by part id, less what was returned under this version; parts no longer needed are left out."""
        left = {line.ref: line.quantity for line in self.lines if line.kind == "part"}
        for item in returns:
            if item.version == self.version and str(item.part_id) in left:
                left[str(item.part_id)] -= item.quantity
        return {part_id: rest for part_id, rest in left.items() if rest > 0}

    def billing(self, returns: Sequence[PartReturn], round_: int) -> Billing:
        """What finance bills: the lines, parts only as far as they stayed in the device (billed = issued - returned)."""
        left = self.parts(returns)
        lines: list[BilledLine] = []
        for line in self.lines:
            left_over = left.get(line.ref, Decimal(0)) if line.kind == "part" else line.quantity
            if left_over == line.quantity:
                lines.append(line.billed())
            elif left_over > 0:
                position = Position(line.kind, line.ref, line.description, left_over, line.unit_price)
                lines.append(billed(position, Amounts.of(position, self.tax_rate, self.coverage)))
        return _settled(round_, self.currency, lines)


class QuoteLine(Base, Scoped):
    """Net and tax are the line's own (R-08); customer and maker share what they come to."""

    __tablename__ = "quote_lines"
    __table_args__ = (
        ForeignKeyConstraint(["work_order_id", "version"], ["quotes.work_order_id", "quotes.version"]),
        Index(None, "work_order_id", "version", "position", unique=True),
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
    net: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    tax: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    customer_amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    maker_amount: Mapped[Decimal] = mapped_column(Numeric(14, 2))

    @classmethod
    def of(cls, work_order_id: UUID, org_path: str, version: int, place: int, position: Position, amounts: Amounts) -> QuoteLine:
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
            net=amounts.net,
            tax=amounts.tax,
            customer_amount=amounts.customer,
            maker_amount=amounts.maker,
        )

    @property
    def total(self) -> Decimal:
        return self.net + self.tax

    def billed(self) -> BilledLine:
        position = Position(self.kind, self.ref, self.description, self.quantity, self.unit_price, self.minutes)
        return billed(position, Amounts(self.net, self.tax, self.customer_amount, self.maker_amount))


def billed(position: Position, amounts: Amounts) -> BilledLine:
    line: Any = {
        "kind": position.kind,
        "ref": position.ref,
        "description": position.description,
        "quantity": number(position.quantity),
        **({} if position.minutes is None else {"minutes": position.minutes}),
        "unit_price": f"{money(position.unit_price):.2f}",
        "net": f"{amounts.net:.2f}",
        "tax": f"{amounts.tax:.2f}",
        "total": f"{amounts.net + amounts.tax:.2f}",
        "customer_amount": f"{amounts.customer:.2f}",
        "maker_amount": f"{amounts.maker:.2f}",
    }
    found: BilledLine = line
    return found


def totals(amounts: Iterable[tuple[Decimal, Decimal, str]]) -> tuple[Decimal, Decimal]:
    """Sums of the shown lines, never of anything unrounded: (customer's, maker's). With each the member of the request that is
    named where one grows too large."""
    customer = maker = ZERO
    for his, theirs, field in amounts:
        customer, maker = bounded(customer + his, field), bounded(maker + theirs, field)
    return customer, maker


def total_by_part(lines: Sequence[Document]) -> dict[str, Decimal]:
    """Quantities of ``{part_id, quantity}`` summed by part: what a limit of a part is held against, however many lines there are."""
    found: dict[str, Decimal] = {}
    for line in lines:
        found[line["part_id"]] = found.get(line["part_id"], Decimal(0)) + quantity(line["quantity"])
    return found


def rebilling(former: Billing, quote: Quote, labour: Sequence[Position] | None, charged_to: str) -> Billing:
    """The round after a reversed one: the same parts at the prices they had, labour as given now or as before, at the
    quote's tax rate; ``charged_to`` customer or maker pays all of it."""
    left_over = [
        Position(
            line["kind"],
            line["ref"],
            line["description"],
            quantity(line["quantity"]),
            Decimal(line["unit_price"]),
            line.get("minutes"),
        )
        for line in former["lines"]
        if labour is None or line["kind"] == "part"
    ]
    payer = Coverage.IN_WARRANTY if charged_to == "maker" else Coverage.OUT_OF_WARRANTY
    lines = [billed(each, Amounts.of(each, quote.tax_rate, payer)) for each in (*(labour or ()), *left_over)]
    return _settled(former["round"] + 1, former["currency"], lines)


def diagnosis_fee(labour: Sequence[Position], tax_rate: Decimal) -> Billing:
    """What the customer pays for the diagnosis of a device that goes back unrepaired: this labour, or nothing."""
    return _settled(1, CURRENCY, [billed(each, Amounts.of(each, tax_rate, Coverage.OUT_OF_WARRANTY)) for each in labour])


def _settled(round_: int, currency: str, lines: list[BilledLine]) -> Billing:
    customer, maker = totals(
        (Decimal(line["customer_amount"]), Decimal(line["maker_amount"]), "lines") for line in lines
    )
    return {
        "round": round_,
        "currency": currency,
        "lines": lines,
        "customer_total": f"{customer:.2f}",
        "maker_total": f"{maker:.2f}",
    }
