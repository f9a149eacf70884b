"""A site with warehouses and parts, told through API and events, and what one may ask about it."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from services.inventory.stock import Store, load_pieces, lock_site, open_store, save
from tests.support.orders_events import order
from tests.support.serving import Served, envelope

PROMISED = datetime(2026, 11, 1, tzinfo=UTC)
_promises = itertools.count()

# The store room after a transaction: every balance from its ledger, and nobody waits for what lies there free.
UNBALANCED = """SELECT s.* FROM stock s
    FULL JOIN (SELECT warehouse_id, part_id, quality, sum(quantity) AS quantity, sum(value) AS value
               FROM stock_movements GROUP BY 1, 2, 3) m USING (warehouse_id, part_id, quality)
    LEFT JOIN (SELECT warehouse_id, part_id, sum(reserved) AS reserved, sum(out_value) AS out_value
               FROM allocations GROUP BY 1, 2) a USING (warehouse_id, part_id)
    WHERE s.on_hand IS DISTINCT FROM m.quantity OR s.value IS DISTINCT FROM m.value
       OR s.reserved IS DISTINCT FROM coalesce(a.reserved, 0) OR s.reserved > s.on_hand"""
UNALLOTTED = """SELECT l.* FROM requisition_lines l
    LEFT JOIN (SELECT requisition_id, part_id, sum(reserved) AS reserved, sum(out) AS out
               FROM allocations GROUP BY 1, 2) a USING (requisition_id, part_id)
    LEFT JOIN (SELECT document_id AS requisition_id, part_id, -sum(quantity) AS out
               FROM stock_movements WHERE document_type = 'requisition' GROUP BY 1, 2) m USING (requisition_id, part_id)
    WHERE l.reserved <> coalesce(a.reserved, 0) OR l.issued - l.returned <> coalesce(a.out, 0)
       OR l.issued - l.returned <> coalesce(m.out, 0)"""
FORGOTTEN = """SELECT l.* FROM requisition_lines l JOIN warehouses w ON w.site_id = l.site_id AND w.quality = 'good'
    JOIN stock s ON s.warehouse_id = w.id AND s.part_id = l.part_id WHERE l.short > 0 AND s.on_hand > s.reserved"""

MISCOUNTED = """SELECT s.* FROM stock s FULL JOIN (SELECT place_id AS warehouse_id, part_id, quality, count(*) AS pieces FROM serials
    WHERE place IN ('warehouse', 'transit') GROUP BY 1, 2, 3) p USING (warehouse_id, part_id, quality)
    WHERE coalesce(p.pieces, 0) <> CASE WHEN s.serial_tracked THEN s.on_hand ELSE 0 END"""
ASTRAY = """SELECT l.* FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id WHERE l.serial_numbers IS NOT NULL
    AND (jsonb_array_length(l.serial_numbers) <> l.issued - l.returned OR EXISTS (SELECT FROM jsonb_array_elements_text(l.serial_numbers) n
         WHERE NOT EXISTS (SELECT FROM serials s WHERE s.part_id = l.part_id AND s.number = n AND s.place = 'order' AND s.place_id = coalesce(r.work_order_id, r.id))))"""

MISLAID = """SELECT s.* FROM stock s FULL JOIN (SELECT warehouse_id, part_id, quality, sum(on_hand) AS lies FROM bin_stock GROUP BY 1, 2, 3) b
    USING (warehouse_id, part_id, quality) FULL JOIN (SELECT warehouse_id, part_id, quality, sum(quantity) AS moved FROM stock_movements
    WHERE bin_id IS NOT NULL GROUP BY 1, 2, 3) m USING (warehouse_id, part_id, quality)
    WHERE s.binned IS DISTINCT FROM b.lies OR s.binned IS DISTINCT FROM m.moved OR s.binned > s.on_hand"""

# What an order is told are the sums of its requisitions that draw on its quote; nothing is kept that is neither needed nor held.
UNTOLD = """SELECT s.id FROM supplies s, LATERAL (SELECT coalesce(jsonb_object_agg(part_id, amounts), '{}') AS lines FROM (
        SELECT l.part_id, jsonb_build_array(trim_scale(sum(l.needed)), trim_scale(sum(least(l.reserved, greatest(l.needed - l.issued + l.returned, 0)))),
                                            trim_scale(sum(l.issued)), trim_scale(sum(l.returned))) AS amounts
        FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id
        WHERE r.work_order_id = s.work_order_id AND r.type <> 'internal' GROUP BY 1
        HAVING sum(l.needed) + sum(l.issued) > 0) t) are, LATERAL (
        SELECT coalesce(jsonb_object_agg(l ->> 'part_id', jsonb_build_array(l -> 'needed', l -> 'reserved', l -> 'issued', l -> 'returned')), '{}') AS lines
        FROM jsonb_array_elements(coalesce(s.announced -> 'lines', '[]')) l) told WHERE are.lines <> told.lines"""
HOARDED = "SELECT * FROM requisition_lines WHERE reserved > greatest(needed - issued + returned, held)"


@dataclass
class StoreRoom:
    served: Served
    code: str = field(default_factory=lambda: f"S{uuid.uuid4().hex[:8].upper()}")
    site_id: str = field(default_factory=lambda: str(new_id()))
    keeps: bool = True
    """Whether it has a good warehouse."""

    def __post_init__(self) -> None:
        data = {
            "code": self.code,
            "name": f"网点 {self.code}",
            "org_path": self.path,
            "time_zone": "Asia/Shanghai",
        }
        assert (
            self.served.tell("aftersales.orders.site.created.v1", data, subject=self.site_id) is Outcome.DONE
        )
        self.good = self.warehouse("G1") if self.keeps else ""

    @property
    def path(self) -> str:
        return f"/HQ/N/{self.code}/"

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        answer = self.served.call(method, path, body, **more)
        assert answer.status_code in (200, 201), answer.text
        document: dict[str, Any] = answer.json()
        return document

    def warehouse(self, suffix: str, quality: str = "good") -> str:
        body = {"code": f"{self.code}-{suffix}", "name": suffix, "site_id": self.site_id, "quality": quality}
        return str(self.ok("POST", "/warehouses", body)["id"])

    def part(self, price: str = "25.00", **more: Any) -> str:
        number = f"{self.code}-{uuid.uuid4().hex[:12]}"
        body = {"number": number, "name": f"轴承 {number}", "unit": "个", "price": price, **more}
        return str(self.ok("POST", "/parts", body)["id"])

    def receive(
        self, part: str, quantity: float, cost: str = "10.00", warehouse: str | None = None, **more: Any
    ) -> dict[str, Any]:
        line = {"part_id": part, "quantity": quantity, "unit_cost": cost, **more}
        return self.ok("POST", "/stock-receipts", {"warehouse_id": warehouse or self.good, "lines": [line]})

    def stock(self, part: str, warehouse: str | None = None) -> tuple[float, float]:
        """(on hand, reserved)."""
        items = self.ok("GET", "/stock", part_id=part, warehouse_id=warehouse or self.good)["items"]
        return (items[0]["on_hand"], items[0]["reserved"]) if items else (0, 0)

    def value(self, part: str, warehouse: str | None = None) -> str:
        statement = "SELECT value FROM stock WHERE part_id = :part AND warehouse_id = :warehouse"
        return str(self.served.rows(statement, part=part, warehouse=warehouse or self.good)[0][0])

    @contextmanager
    def opened(self, part: str, *others: StoreRoom, pieces: Sequence[str] = ()) -> Iterator[tuple[Store, ...]]:
        """The stores of this site and others in one transaction, saved at the end: for what no document does yet."""
        with self.served.database.uow() as uow:
            rooms = (self, *others)
            sites = {room.site_id: lock_site(uow, UUID(room.site_id)) for room in sorted(rooms, key=lambda room: room.site_id)}
            stores = tuple(open_store(uow, site, [UUID(part)]) for room in rooms if (site := sites[room.site_id]))
            if pieces:
                load_pieces(uow, stores[0], {UUID(part): pieces})
            yield stores
            for store in stores:
                save(uow, store)

    def pieces(self, part: str, *numbers: str, warehouse: str | None = None, cost: str = "10.00") -> dict[str, Any]:
        """A receipt of these serial numbers."""
        return self.receive(part, len(numbers), cost, warehouse, serial_numbers=numbers)

    def where(self, part: str, number: str) -> tuple[str, str | None]:
        """(kind of place, id of the warehouse or order) of a piece."""
        (item,) = self.ok("GET", "/serials", part_id=part, number=number)["items"]
        return item["place"], item["warehouse_id"] or item["work_order_id"]

    def job(self) -> Job:
        return Job(self)

    def technician(self, name: str = "李雷", **more: Any) -> str:
        id_ = str(new_id())
        data = {"name": name, "site_id": self.site_id, "username": None, "active": True, **more}
        told = self.served.tell("aftersales.orders.technician.created.v1", data, subject=id_, org_path=self.path)
        assert told is Outcome.DONE
        return id_

    def ask(self, lines: Mapping[str, float] | None = None, job: Job | None = None, **more: Any) -> Slip:
        """A requisition by hand: for an order, or of the site."""
        given = {} if lines is None else {"lines": [{"part_id": part, "quantity": quantity} for part, quantity in lines.items()]}
        where = {"work_order_id": job.id} if job else {"site_id": self.site_id}
        return Slip(self, self.ok("POST", "/requisitions", {**where, **given, **more})["id"])

    def check(self) -> None:
        """Nothing in the whole database contradicts itself."""
        for broken in (UNBALANCED, UNALLOTTED, FORGOTTEN, MISCOUNTED, ASTRAY, MISLAID, UNTOLD, HOARDED):
            assert self.served.rows(broken) == [], broken


@dataclass
class Job:
    """A work order as orders tells of it; each later promise is served later."""

    room: StoreRoom
    id: str = field(default_factory=lambda: str(new_id()))
    sequence: int = 0

    def __post_init__(self) -> None:
        self.promised_at = (PROMISED + timedelta(minutes=next(_promises))).isoformat()
        self.returns: list[dict[str, Any]] = []
        self.version = 0
        self.place: StoreRoom = self.room
        self.bound: StoreRoom | None = None
        self.said: dict[str, Any] = {}

    def event(self, verb: str, needed: Mapping[str, float] | None = None, **changed: Any) -> dict[str, Any]:
        """The envelope of the order's next event."""
        self.sequence += 1
        lines = [{"part_id": part, "quantity": quantity} for part, quantity in (needed or {}).items()]
        facts = {
            "id": self.id, "site_id": self.room.site_id, "needed": lines, **self.stands(), "promised_at": self.promised_at,
            "repaired": False, "returns": list(self.returns), "quote_version": max(self.version, 1),
            "approved_version": self.version or None, **changed,
        }  # fmt: skip
        type_ = f"aftersales.orders.work_order.{verb}.v1"
        self.said = {"needed": needed, **{name: facts[name] for name in ("repaired", "approved_version")}, **changed}
        return envelope(type_, order(verb, **facts), subject=self.id, sequence=self.sequence)

    def tell(self, verb: str, needed: Mapping[str, float] | None = None, **changed: Any) -> Job:
        assert self.room.served.receive(self.event(verb, needed, **changed)) is Outcome.DONE
        return self

    def quote(self) -> Job:
        """A new version nobody has approved yet."""
        self.version += 1
        return self.tell("quoted", approved_version=None)

    def approve(self, needed: Mapping[str, float]) -> Job:
        self.version = self.version or 1
        return self.tell("quote_approved", needed)

    def repaired(self, needed: Mapping[str, float], **changed: Any) -> Job:
        self.version = self.version or 1
        return self.tell("repaired", needed, repaired=True, **changed)

    def stands(self) -> dict[str, Any]:
        """Where its device is."""
        held = None if self.place is self.room else self.place.site_id
        return {"held_site_id": held, "bound_site_id": self.bound and self.bound.site_id}

    def send(self, to: StoreRoom) -> Job:
        """Its device leaves for another site, or for its own."""
        self.bound = to
        return self.again()

    def arrive(self) -> Job:
        assert self.bound is not None
        self.place, self.bound = self.bound, None
        return self.again()

    def go(self, to: StoreRoom) -> Job:
        return self.send(to).arrive()

    def again(self) -> Job:
        """What was told last, but for where its device is."""
        return self.tell("custody_changed", **self.said)

    def cancel(self) -> Job:
        return self.tell("cancelled", state="cancelled", approved_version=None)

    def give_back(
        self, part: str, quantity: float, quality: str, needed: Mapping[str, float], numbers: Sequence[str] = (), **changed: Any
    ) -> Job:
        named = {"serial_numbers": list(numbers)} if numbers else {}
        self.returns.append({"id": str(new_id()), "part_id": part, "quantity": quantity, "quality": quality, **named})
        return self.tell("parts_returned", needed, **changed)

    @property
    def requisition(self) -> dict[str, Any]:
        """The planned one."""
        items = self.room.ok("GET", "/requisitions", work_order_id=self.id)["items"]
        (found,) = (item for item in items if item["planned"])
        planned: dict[str, Any] = found
        return planned

    def line(self, part: str) -> tuple[float, ...]:
        """(needed, reserved, issued, returned, short)."""
        line = next(line for line in self.requisition["lines"] if line["part_id"] == part)
        return tuple(line[name] for name in ("needed", "reserved", "issued", "returned", "short"))

    def issue(self, serials: Mapping[str, Sequence[str]] | None = None, **more: Any) -> httpx.Response:
        """``serials``: numbers by part."""
        given = [{"part_id": part, "serial_numbers": list(numbers)} for part, numbers in (serials or {}).items()]
        return self.room.served.call("POST", f"/requisitions/{self.requisition['id']}/issue", {"serials": given} if given else {}, **more)

    def told(self) -> list[dict[str, Any]]:
        """Data of every requisition.changed about this order, oldest first; sequences never repeat."""
        events = self.room.served.events(self.requisition["id"])
        assert [sequence for _, sequence, _ in events] == sorted({sequence for _, sequence, _ in events})
        return [data for _, _, data in events]


@dataclass
class Slip:
    """A requisition made by hand."""

    room: StoreRoom
    id: str

    @property
    def now(self) -> dict[str, Any]:
        return self.room.ok("GET", f"/requisitions/{self.id}")

    def seen(self, scope: str) -> dict[str, Any]:
        return self.room.ok("GET", f"/requisitions/{self.id}", scope=scope)

    @property
    def state(self) -> str:
        return str(self.now["state"])

    def line(self, part: str) -> tuple[float, ...]:
        """(needed, reserved, issued, returned, short)."""
        line = next(line for line in self.now["lines"] if line["part_id"] == part)
        return tuple(line[name] for name in ("needed", "reserved", "issued", "returned", "short"))

    def attempt(self, action: str, body: Any = None, **more: Any) -> httpx.Response:
        method, path = ("PATCH", "") if action == "update" else ("POST", f"/{action}")
        return self.room.served.call(method, f"/requisitions/{self.id}{path}", {} if body is None else body, **more)

    def do(self, action: str, body: Any = None) -> dict[str, Any]:
        answer = self.attempt(action, body)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def give_back(self, part: str, quantity: float, quality: str = "good", numbers: Sequence[str] = ()) -> httpx.Response:
        named = {"serial_numbers": list(numbers)} if numbers else {}
        return self.attempt("return", {"lines": [{"part_id": part, "quantity": quantity, "quality": quality, **named}]})
