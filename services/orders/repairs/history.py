"""Taking over finished and open orders of another system (interfaces section 6), up to 500 in one call.

Bad rows are refused one by one, good ones kept. Such orders have origin ``history`` and their own dates; they announce no
event (see ../decisions/0001): no bill, no parts, no revisit follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert

from chassis import contracts
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from chassis.domain.aggregate import Journal
from chassis.domain.moments import day, moment
from chassis.http.dates import Dates
from chassis.http.validation import compiled, control_characters, violations
from services.orders.devices import Coverage, Device, decide
from services.orders.kernel import Document, local_day, start_of_day
from services.orders.masters import Product, Site
from services.orders.repairs import search
from services.orders.repairs.history_content import Content, content, content_of_order, differences
from services.orders.repairs.records import HistoryKey, SearchToken
from services.orders.repairs.states import Origin, State
from services.orders.repairs.usecases import NUMBERED
from services.orders.repairs.work_order import WorkOrder


@dataclass(slots=True)
class Row:
    """A row on its way: what was given, what it refers to, what became of it."""

    given: Document
    errors: list[dict[str, str]] = field(default_factory=list)
    site: Site | None = None
    product: Product | None = None
    order_id: UUID | None = None
    status: str = "refused"
    differs: list[str] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        return self.given["source"], self.given["external_id"]

    def registered_at(self) -> datetime:
        """The row's own time, or the beginning of its day at the site."""
        assert self.site is not None
        if "registered_at" in self.given:
            return moment(self.given["registered_at"])
        return start_of_day(day(self.given["event_date"]), self.site.time_zone)

    def completed_at(self) -> datetime | None:
        return moment(self.given["completed_at"]) if "completed_at" in self.given else None

    def content(self) -> Content:
        return content(self.given, self.registered_at())

    def result(self) -> Document:
        external_id = self.given.get("external_id") if isinstance(self.given, dict) else None
        shown: Document = {"external_id": external_id, "status": self.status}
        return (
            shown
            | ({"id": self.order_id} if self.order_id else {})
            | ({"errors": self.errors} if self.errors else {})
            | ({"differs": self.differs} if self.differs else {})
        )


def take_over(uow: UnitOfWork, given: Sequence[Document]) -> list[Document]:
    """One result per row, in order: ``{external_id, status: created|exists|differs|refused, id?, errors?: [{field, code}],
    differs?: [member]}``. What is there already is never changed, also when the row says something else now."""
    rows = [Row(row, _errors(row, uow.now)) for row in given]
    _refer(uow, [row for row in rows if not row.errors])
    good = [row for row in rows if not row.errors]
    fresh = _claim(uow, good)
    _write(uow, fresh)
    known = _known(uow, {row.key for row in good if row.status == "refused"})
    for row in (row for row in good if row.status == "refused"):
        if row.key in known:
            row.order_id, known_content = known[row.key]
            row.differs = differences(known_content, row.content())
            row.status = "differs" if row.differs else "exists"
        else:  # taken by an order out of the caller's scope: refused, without saying more
            row.errors = [{"field": "external_id", "code": "duplicate"}]
    return [row.result() for row in rows]


@cache
def _contract() -> tuple[Any, Dates]:
    schema = contracts.load("orders", "repairs")["components"]["schemas"]["HistoryRow"]
    return compiled(schema), Dates(schema)


def _errors(row: Any, now: datetime) -> list[dict[str, str]]:
    validator, dates = _contract()
    found = violations(validator, row)
    found += [{"field": path, "code": "control_characters"} for path in control_characters(row)]
    if found:
        return found
    if "registered_at" not in row and "event_date" not in row:
        found.append({"field": "registered_at", "code": "missing"})
    if row["state"] == State.CANCELLED and not row.get("reason"):
        found.append({"field": "reason", "code": "missing"})
    found += dates.misplaced(row, now)
    if "device" in row and "product_id" not in row:
        found.append({"field": "product_id", "code": "missing"})
    return found


def _refer(uow: UnitOfWork, rows: list[Row]) -> None:
    """Sites in the caller's scope and products, each looked up once."""
    sites = _by_id(uow, Site, {row.given["site_id"] for row in rows})
    products = _by_id(uow, Product, {row.given["product_id"] for row in rows if "product_id" in row.given})
    for row in rows:
        row.site = sites.get(row.given["site_id"])
        row.product = products.get(row.given.get("product_id", ""))
        if row.site is None:
            row.errors.append({"field": "site_id", "code": "unknown_reference"})
        else:
            row.errors += _disorder(row, uow.now)
        if row.product is None and "product_id" in row.given:
            row.errors.append({"field": "product_id", "code": "unknown_reference"})


def _disorder(row: Row, now: datetime) -> list[dict[str, str]]:
    """What only the site's zone tells: its day has not begun there, or the repair ended before it began."""
    began, ended = row.registered_at(), row.completed_at()
    late = ["event_date"] if began > now else []
    backwards = ["completed_at"] if ended is not None and ended < began else []
    return [{"field": name, "code": "out_of_range"} for name in late + backwards]


def _by_id(uow: UnitOfWork, cls: Any, ids: set[str]) -> dict[str, Any]:
    found = uow.find(cls, cls.id.in_([UUID(id) for id in ids])) if ids else []
    known = {master.id: master for master in found}
    return {id: known[UUID(id)] for id in ids if UUID(id) in known}


def _claim(uow: UnitOfWork, rows: list[Row]) -> list[Row]:
    """Rows whose external id nobody wrote before; of two with the same id in one call the first. Claiming waits for a
    concurrent import of the same id, so numbers are only taken for rows that will be written."""
    first = {row.key: row for row in reversed(rows)}
    if not first:
        return []
    values = [
        {"source": source, "external_id": external_id, "content": first[source, external_id].content()}
        for source, external_id in sorted(first)
    ]
    claim = (
        insert(HistoryKey)
        .values(values)
        .on_conflict_do_nothing()
        .returning(HistoryKey.source, HistoryKey.external_id)
    )
    won = {(row.source, row.external_id) for row in uow.rows(claim)}
    return [row for row in rows if row.key in won and first[row.key] is row]


def _known(uow: UnitOfWork, keys: set[tuple[str, str]]) -> dict[tuple[str, str], tuple[UUID, Content]]:
    """Orders of these external ids and what their rows said when they were taken over."""
    if not keys:
        return {}
    uow.flush()
    names = (WorkOrder.source, WorkOrder.external_id)
    facts = (WorkOrder.site_id, WorkOrder.product_id, WorkOrder.registered_at, WorkOrder.problem)
    claimed = (HistoryKey.source == WorkOrder.source) & (HistoryKey.external_id == WorkOrder.external_id)
    asked = select(*names, WorkOrder.id, HistoryKey.content, *facts).join(HistoryKey, claimed).where(tuple_(*names).in_(sorted(keys)))
    return {
        (row.source, row.external_id): (
            row.id, row.content or content_of_order(row.site_id, row.product_id, row.registered_at, row.problem)
        )
        for row in uow.rows(asked)
    }  # fmt: skip


def _write(uow: UnitOfWork, rows: list[Row]) -> None:
    """Devices, then orders with numbers taken in one step per month, then search words."""
    devices = _devices(uow, rows)
    orders = [_order(uow, row, devices.get(id(row)), number) for row, number in _numbered(uow, rows)]
    uow.add_all(orders, silent=True)
    tokens = [
        SearchToken(token=token, work_order_id=order.id, org_path=order.org_path)
        for order in orders
        for token in sorted(search.tokens(order.problem))
    ]
    uow.add_all(tokens)


def _devices(uow: UnitOfWork, rows: list[Row]) -> dict[int, Device]:
    """A device per row that describes one; the same serial of a product is the same device."""
    described = [row for row in rows if "device" in row.given and row.product is not None]
    keys = {id(row): folding.identifier(serial) for row in described if (serial := row.given["device"].get("serial_number"))}
    known = uow.find(Device, serial_key=set(keys.values())) if keys else []
    by_serial = {(device.product_id, device.serial_key): device for device in known}
    found: dict[int, Device] = {}
    for row in described:
        assert row.product is not None
        serial, bought = row.given["device"].get("serial_number"), row.given["device"].get("purchased_on")
        key = keys.get(id(row))
        device = by_serial.get((row.product.id, key)) if key else None
        if device is None:
            bought_on = day(bought) if bought else None
            device = Device.create(row.product.id, row.product.warranty_months, None, serial, bought_on)
            uow.add(device, silent=True)
            by_serial[row.product.id, key] = device
        found[id(row)] = device
    return found


def _numbered(uow: UnitOfWork, rows: list[Row]) -> Iterable[tuple[Row, str]]:
    months: dict[date, list[Row]] = defaultdict(list)
    for row in rows:
        assert row.site is not None
        months[local_day(row.registered_at(), row.site.time_zone).replace(day=1)].append(row)
    for month in sorted(months):  # always in this order, so that two imports cannot wait for each other
        yield from zip(months[month], uow.numbers(NUMBERED, month, len(months[month])), strict=True)


def _order(uow: UnitOfWork, row: Row, device: Device | None, number: str) -> WorkOrder:
    site, given, at = row.site, row.given, row.registered_at()
    assert site is not None
    decision = decide(device.term if device else None, local_day(at, site.time_zone))
    state = State(given["state"])
    order = WorkOrder.blank(
        number=number,
        origin=Origin.HISTORY,
        channel=given.get("channel", "counter"),
        source=given["source"],
        external_id=given["external_id"],
        state=state,
        site_id=site.id,
        org_path=site.org_path,
        time_zone=site.time_zone,
        device_id=device.id if device else None,
        product_id=row.product.id if row.product else None,
        problem=given.get("problem", ""),
        coverage=Coverage(decision.coverage),
        coverage_reason=list(decision.lines),
        cancel_reason=given.get("reason") if state is State.CANCELLED else None,
        registered_at=at,
        completed_at=row.completed_at(),
    )
    data = {"source": order.source, "external_id": order.external_id}
    order.journal(Journal("import", uow.actor, None, state.value, given.get("reason"), data))
    row.order_id, row.status = order.id, "created"
    return order
