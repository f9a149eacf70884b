"""What can be done with a work order. HTTP, consumers and timers call the same functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg2.extras import NumericRange
from sqlalchemy.dialects.postgresql import insert

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import (
    BadTransition,
    DomainError,
    DuplicateLine,
    UnknownReference,
    ValidationFailed,
)
from chassis.domain.moments import moment
from services.orders.devices import Coverage, Device, Exclusion, Stay, decide
from services.orders.kernel import Document, local_day, own
from services.orders.masters import Site, Technician, living
from services.orders.repairs import gates, loading, opening, search, views
from services.orders.repairs.billing import rebilling
from services.orders.repairs.custody import place_of
from services.orders.repairs.facts import Bill, Parts
from services.orders.repairs.pricing import Discount
from services.orders.repairs.quote import payer
from services.orders.repairs.quoting import known_parts, positions, priced, terms
from services.orders.repairs.records import Appointment, SearchToken, slot_of
from services.orders.repairs.settings import tax_rate, uncollected_days
from services.orders.repairs.work_order import WorkOrder

CORRECT = "orders.work_order.correct"
NUMBERED = "work_order"
DEFAULT_APPOINTMENT, LONGEST_APPOINTMENT = timedelta(hours=1), timedelta(days=1)


def register(
    uow: UnitOfWork,
    kind: str,
    channel: str,
    site_id: str,
    problem: str,
    customer_id: str | None = None,
    device_id: str | None = None,
    dealer_id: str | None = None,
    external_id: str | None = None,
) -> WorkOrder:
    """Take in a device at a site (O-85). Without a customer the device's owner is meant; coverage is decided at once. An
    outside account takes in for its own party (G-10)."""
    customer_id, dealer_id = opening.parties(uow.principal, customer_id, dealer_id)
    site = own(uow, Site, site_id, "site_id")
    device = own(uow, Device, device_id, "device_id") if device_id else None
    owner = customer_id or (device.customer_id if device else None)
    customer = living(uow, owner) if owner else None
    dealer = opening.dealer(uow, dealer_id, site)
    today = local_day(uow.now, site.time_zone)
    order = WorkOrder.register(
        uow.actor,
        decide(device.term if device else None, today),
        number=uow.number(NUMBERED, today),
        kind=kind,
        channel=channel,
        external_id=external_id,
        site_id=site.id,
        org_path=site.org_path,
        time_zone=site.time_zone,
        customer_id=customer,
        dealer_id=dealer,
        device_id=device.id if device else None,
        product_id=device.product_id if device else None,
        problem=problem,
        registered_at=uow.now,
    )
    uow.add(order)
    for token in sorted(search.tokens(problem)):
        uow.add(SearchToken(token=token, work_order_id=order.id, org_path=order.org_path))
    return order


def assign(
    uow: UnitOfWork,
    work_order_id: UUID,
    technician_id: str,
    appointment_start: str | None = None,
    appointment_end: str | None = None,
) -> WorkOrder:
    """Technician of the site; with an appointment (an hour unless its end is said) only if free: SlotTaken. Without a new one
    the order keeps the one it has, which the technician must be free for as well."""
    with moving(uow, work_order_id) as order:
        order.machine.require(order, "assign")
        technician = technician_of(uow, order, technician_id)
        start, end = _appointment(order, appointment_start, appointment_end)
        order.assign(technician.id, technician.name, start, end, uow.actor)
        _book(uow, order, technician, start, end)
    return order


def start(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder:
    """Who starts and is a technician of the site becomes the order's; anybody else starts without becoming one. An appointment
    was another technician's: it is free again."""
    with moving(uow, work_order_id) as order:
        order.machine.require(order, "start")
        linked = uow.find(Technician, username=uow.principal.username, site_id=place_of(order), active=True, order_by=("id",))
        takes_over = next(iter(linked), None) if all(each.id != order.technician_id for each in linked) else None
        order.start(uow.actor, takes_over)
        if takes_over:
            free(uow, order)
    return order


def diagnose(
    uow: UnitOfWork,
    work_order_id: UUID,
    symptom: str,
    cause: str,
    finding: str,
    quality_defect: bool = True,
    exclusion: str | None = None,
) -> WorkOrder:
    """Coverage is decided again as of the day of registration (O-28, O-30)."""
    with moving(uow, work_order_id) as order:
        order.machine.require(order, "diagnose")
        device = uow.one(Device, id=order.device_id) if order.device_id else None
        fault_on = local_day(order.registered_at, order.time_zone)
        reason = Exclusion(exclusion) if exclusion else None
        decision = decide(
            device.term if device else None, fault_on, exclusion=reason, quality_defect=quality_defect
        )
        findings = {"symptom": symptom, "cause": cause, "finding": finding, "quality_defect": quality_defect}
        order.diagnose({**findings, "exclusion": exclusion}, decision, uow.actor)
    return order


def quote(
    uow: UnitOfWork,
    work_order_id: UUID,
    labour: list[Document],
    parts: list[Document],
    discount: Document | None = None,
    shares: Sequence[Document] = (),
) -> WorkOrder:
    """A new version at today's prices (F-05); the version before is kept as it stood. ``discount`` on the whole, ``shares`` that others
    than coverage names take over."""
    with moving(uow, work_order_id) as order:
        order.machine.require(order, "quote")
        taken_over = terms(uow, shares, payer(order.coverage))
        order.offer(positions(uow, labour, parts), tax_rate(uow), uow.now, uow.actor, Discount.of(discount, "discount"), taken_over)
    return order


def approve(uow: UnitOfWork, work_order_id: UUID, approved_by: str) -> WorkOrder:
    seen = uow.expected_version is not None
    with moving(uow, work_order_id) as order:
        _answering(uow, order, "approve", seen)
        order.approve(approved_by, uow.now, uow.actor)
    return order


def reject(uow: UnitOfWork, work_order_id: UUID, reason: str) -> WorkOrder:
    seen = uow.expected_version is not None
    with moving(uow, work_order_id) as order:
        _answering(uow, order, "reject", seen)
        order.reject(reason, uow.actor)
    return order


def _answering(uow: UnitOfWork, order: WorkOrder, action: str, seen: bool) -> None:
    """An outside account (G-10) answers the quote it saw: where it might be an earlier one, If-Match has to say which."""
    order.machine.require(order, action)
    if uow.principal.is_outside and order.quote_version > 1 and not seen:
        raise ValidationFailed.of("If-Match", "missing")


def complete(uow: UnitOfWork, work_order_id: UUID, work_done: str) -> WorkOrder:
    with moving(uow, work_order_id) as order:
        order.complete(work_done, parts_of(uow, order), uow.actor)
    return order


def check(uow: UnitOfWork, work_order_id: UUID, passed: bool, reason: str | None = None) -> WorkOrder:
    """Passing an in-warranty repair adds the days the device was away to its warranty (O-26)."""
    with moving(uow, work_order_id) as order:
        order.check(passed, reason, parts_of(uow, order), uow.now, uow.actor)
        if passed:
            add_stay(uow, order)
    return order


def add_stay(uow: UnitOfWork, order: WorkOrder) -> None:
    """The days an in-warranty repair took are added to the device's warranty."""
    if order.coverage is Coverage.IN_WARRANTY and order.device_id:
        first, last = (local_day(at, order.time_zone) for at in (order.registered_at, uow.now))
        uow.get(Device, order.device_id).add_stay(Stay(order.number, first, last))


def return_parts(uow: UnitOfWork, work_order_id: UUID, lines: list[Document]) -> WorkOrder:
    """Parts back to the store before billing (I-51); each part and quality once."""
    lines = [{**line, "part_id": str(UUID(line["part_id"]))} for line in lines]
    keys = [(line["part_id"], line["quality"]) for line in lines]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise DuplicateLine(f"lines.{index}.part_id")
    with moving(uow, work_order_id) as order:
        order.machine.require(order, "return_parts")
        known_parts(uow, [line["part_id"] for line in lines], "lines")
        order.return_parts(lines, parts_of(uow, order), uow.actor)
    return order


def hand_over(uow: UnitOfWork, work_order_id: UUID, received_by: str) -> WorkOrder:
    with moving(uow, work_order_id) as order:
        order.hand_over(received_by, bill_of(uow, order), uow.now, uow.actor)
    return order


def audit(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder:
    with moving(uow, work_order_id) as order:
        order.audit(uow.actor)
    return order


def unaudit(uow: UnitOfWork, work_order_id: UUID, reason: str) -> WorkOrder:
    """G-21. Finance reverses the bill when it hears of it."""
    with moving(uow, work_order_id) as order:
        order.unaudit(reason, bill_of(uow, order), uow.actor)
    return order


def rebill(
    uow: UnitOfWork, work_order_id: UUID, charged_to: str, labour: list[Document] | None = None
) -> WorkOrder:
    """G-21. The next round: who pays, and labour at today's rates where it is given. Parts stay as they were fitted."""
    with moving(uow, work_order_id) as order:
        order.machine.require(order, "rebill")
        hours = None if labour is None else list(priced(uow, labour))
        assert order.billing is not None and order.quote is not None  # audited orders were billed
        order.rebill(rebilling(order.billing, order.quote.tax_rate, hours, charged_to), uow.actor)
    return order


@contextmanager
def moving(uow: UnitOfWork, work_order_id: UUID) -> Iterator[WorkOrder]:
    """The locked order with its sections; a refused move names the actions that this caller has instead."""
    order = loading.fetch(uow, work_order_id)
    try:
        yield order
        save(uow, order)
    except BadTransition as refused:
        refused.members["allowed_actions"] = order.machine.allowed(order, uow.principal)
        raise


def save(uow: UnitOfWork, order: WorkOrder) -> None:
    """The rows that it got beside its own."""
    uow.add_all(order.sections.added)
    order.sections.added = []


def parts_of(uow: UnitOfWork, order: WorkOrder) -> Parts | None:
    """What inventory last reported about the order's parts."""
    return uow.one(Parts, work_order_id=order.id) if order.quote_version else None


def bill_of(uow: UnitOfWork, order: WorkOrder) -> Bill | None:
    """The bill of the order's settlement round, once finance has reported it."""
    if order.billing is None:
        return None
    return uow.one(Bill, work_order_id=order.id, round=order.billing["round"])


def gates_of(uow: UnitOfWork, order: WorkOrder, language: str) -> list[Document]:
    """What the caller may do by right and state, and would be refused all the same: with the code of the refusal, in words."""
    allowed = order.machine.allowed(order, uow.principal)
    actions = [action for action in allowed if action in gates.GATES]
    parts, bill = (parts_of(uow, order), bill_of(uow, order)) if actions else (None, None)
    found = gates.shut(order, actions, parts, bill)
    asked: list[tuple[str, Callable[[], None]]] = []
    if uow.principal.may(CORRECT):
        asked.append(("correct", lambda: order.require_correctable(bill)))
    if "close-uncollected" in allowed:
        asked.append(("close-uncollected", lambda: gates.overdue(order, uow.now, uncollected_days(uow))))
    for action, ask in asked:
        try:
            ask()
        except DomainError as refused:
            found.append((action, refused))
    return [views.gate(action, refused, language) for action, refused in found]


def technician_of(uow: UnitOfWork, order: WorkOrder, technician_id: str) -> Technician:
    """An active technician of the site that has the device."""
    technician = own(uow, Technician, technician_id, "technician_id")
    if technician.site_id != place_of(order) or not technician.active:
        raise UnknownReference("technician_id")
    return technician


def _appointment(
    order: WorkOrder, start: str | None, end: str | None
) -> tuple[datetime | None, datetime | None]:
    if start is None:
        if end is not None:
            raise ValidationFailed.of("appointment_start", "missing")
        return order.appointment_start, order.appointment_end
    first = moment(start)
    last = moment(end) if end else first + DEFAULT_APPOINTMENT
    if not first < last <= first + LONGEST_APPOINTMENT:
        raise ValidationFailed.of("appointment_end", "out_of_range")
    return first, last


def _book(
    uow: UnitOfWork, order: WorkOrder, technician: Technician, start: datetime | None, end: datetime | None
) -> None:
    """The database refuses two overlapping slots of one technician, however many ask at once."""
    if start is None or end is None:
        free(uow, order)
        return
    slot = NumericRange(*slot_of(technician.serial, start, end), bounds="[)")
    row: dict[str, Any] = {"technician_id": technician.id, "slot": slot}
    booking = insert(Appointment).values(work_order_id=order.id, org_path=order.org_path, **row)
    uow.execute(booking.on_conflict_do_update(index_elements=["work_order_id"], set_=row))


def free(uow: UnitOfWork, order: WorkOrder) -> None:
    """The technician's time."""
    uow.later("DELETE FROM appointments WHERE work_order_id = %s", (order.id,))
