"""A quote as a request gives it: labour and parts at today's prices, and who takes over what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from uuid import UUID

from chassis import contracts
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from chassis.domain.errors import DuplicateLine, UnknownReference, ValidationFailed
from services.orders.kernel import Document, in_hours, quantity
from services.orders.masters import CounterpartyCopy, LabourRateCopy, PartCopy
from services.orders.repairs.pricing import PERCENT, Discount, Position, require_one
from services.orders.repairs.shares import Term

PAYERS = contracts.common_values("payers", "Payer")


def positions(uow: UnitOfWork, labour: list[Document], parts: list[Document]) -> list[Position]:
    """What is quoted, at today's rates and prices."""
    return [*priced(uow, labour), *_parts(uow, parts)]


def priced(uow: UnitOfWork, labour: list[Document], member: str = "labour") -> Iterator[Position]:
    """Hours or minutes at today's rates; ``member`` of the request they come from."""
    codes = {folding.code(line["rate_code"]) for line in labour}
    rates = (
        {rate.code_key: rate for rate in uow.find(LabourRateCopy, code_key=codes)}
        if codes
        else {}
    )
    for index, line in enumerate(labour):
        rate = rates.get(folding.code(line["rate_code"]))
        if rate is None:
            raise UnknownReference(f"{member}.{index}.rate_code").waiting()
        field, minutes = f"{member}.{index}", line.get("minutes")
        if ("hours" in line) is (minutes is not None):
            raise ValidationFailed.of(f"{field}.hours", "missing" if minutes is None else "hours_or_minutes")
        hours = quantity(line["hours"]) if minutes is None else in_hours(minutes)
        yield Position("labour", rate.code, rate.name, hours, rate.hourly_rate, minutes, field, rate.tax_rate, Discount.of(line.get("discount"), f"{field}.discount"))


def _parts(uow: UnitOfWork, parts: list[Document]) -> Iterator[Position]:
    seen: set[UUID] = set()
    for index, line in enumerate(parts):
        if (id := UUID(line["part_id"])) in seen:
            raise DuplicateLine(f"parts.{index}.part_id")
        seen.add(id)
    copies = known_parts(uow, [line["part_id"] for line in parts], "parts")
    for index, line in enumerate(parts):
        id, field = UUID(line["part_id"]), f"parts.{index}"
        part, off = copies[id], Discount.of(line.get("discount"), f"{field}.discount")
        yield Position("part", str(id), part.name, quantity(line["quantity"]), part.price, field=field, tax_rate=part.tax_rate, discount=off)


def known_parts(uow: UnitOfWork, ids: list[str], field: str) -> dict[UUID, PartCopy]:
    """The parts by id; UnknownReference names the first that inventory never told of."""
    wanted = [UUID(id) for id in ids]
    copies = {part.id: part for part in uow.find(PartCopy, PartCopy.id.in_(wanted))} if wanted else {}
    for index, id in enumerate(wanted):
        if id not in copies:
            raise UnknownReference(f"{field}.{index}.part_id").waiting()
    return copies


def terms(uow: UnitOfWork, shares: Sequence[Document], rest: str) -> list[Term]:
    """What others than ``rest`` take over, each payer and party once, at most 100 % together. Raises ValidationFailed, DuplicateLine,
    UnknownReference."""
    found: list[Term] = []
    whole = Decimal(0)
    for index, share in enumerate(shares):
        field = f"shares.{index}"
        require_one(share, field)
        term: Term = {"payer": share["payer"], "party_id": _party(uow, share, field)}
        if (term["payer"], term["party_id"]) in [(one["payer"], one["party_id"]) for one in found]:
            raise DuplicateLine(f"{field}.payer")
        if term["payer"] == rest and term["party_id"] is None:
            raise ValidationFailed.of(f"{field}.payer", "pays_the_rest")
        if "percent" in share:
            whole += Decimal(str(share["percent"]))
            if whole > PERCENT:
                raise ValidationFailed.of(f"{field}.percent", "out_of_range")
            term["percent"] = share["percent"]
        else:
            term["amount"] = f"{Decimal(share['amount']):.2f}"
        found.append(term)
    return found


def _party(uow: UnitOfWork, share: Document, field: str) -> str | None:
    """The counterparty that is named with the payer, where his kind has one."""
    kind, given = PAYERS[share["payer"]].get("party"), share.get("party_id")
    if given is None:
        if PAYERS[share["payer"]].get("required"):
            raise ValidationFailed.of(f"{field}.party_id", "missing")
        return None
    if kind is None:
        raise ValidationFailed.of(f"{field}.party_id", "unknown")
    known = uow.reference(CounterpartyCopy, given, f"{field}.party_id")
    if known.kind != kind or not known.active:
        raise UnknownReference(f"{field}.party_id")
    return str(known.id)
