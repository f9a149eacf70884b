"""What must hold after a run: every promise in the book kept once, nothing on its way, nothing parked but poison."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import psycopg2

from contracts import reconcile
from deploy.process import WITH_DATABASE
from tests.faults.book import Book
from tests.faults.faults import Faults
from tests.faults.load import STOCK, Load
from tests.faults.rig import Rig, patiently

MADE = {
    "/customers": ("callcenter", "customers"),
    "/devices": ("orders", "devices"),
    "/work-orders": ("orders", "work_orders WHERE kind = 'repair'"),
    # One that the store could not serve in time is refused, and cancelled.
    "/quick-jobs": ("orders", "work_orders WHERE kind = 'quick_job' AND state NOT IN ('cancelling', 'cancelled')"),
    "/products": ("orders", "products"),
    "/sites": ("orders", "sites"),
    "/technicians": ("orders", "technicians"),
    "/parts": ("inventory", "parts"),
    "/warehouses": ("inventory", "warehouses"),
    "/stock-receipts": ("inventory", "stock_receipts"),
    "/requisitions": ("inventory", "requisitions WHERE NOT planned"),
    "/hand-over-slips": ("orders", "hand_over_slips"),
    "/labour-rates": ("finance", "labour_rates"),
    "/bills/*/payments": ("finance", "payments"),
}
"""Which row a write makes."""
DONE = {"/work-orders/*/*": "orders", "/revisits/*/record": "callcenter", "/requisitions/*/apply": "inventory", "/requisitions/*/return": "inventory", "/hand-over-slips/*/*": "orders"}
"""Where a write leaves a journal row named after its last word."""
BY_ITSELF = {
    "orders": """coalesce(data->>'code' IS NOT NULL, false) OR action IN ('assign', 'start', 'quote', 'approve', 'complete')
        AND EXISTS (SELECT FROM work_orders WHERE id = entity_id AND kind = 'quick_job')
        OR entity = 'work_orders' AND action IN ('send', 'receive', 'refuse', 'send-back')""",
    "inventory": "action = 'apply' AND EXISTS (SELECT FROM requisitions WHERE id = entity_id AND applied_at = created_at)",
}
"""Journal rows that no call of the client's own made: the steps of a quick job, and that one is given up; the order's own word of a slip's steps; a requisition that is applied for as it is made."""
_ID = re.compile(r"(?<=/)[0-9a-f-]{36}(?=/|$)")
SETTLE = 180.0
"""Seconds within which the backlog must be worked off once nothing is broken any more."""


@dataclass
class Verdict:
    """Empty lists all over: the campaign is passed."""

    requests: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    backlog: list[str] = field(default_factory=list)
    offenders: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    poisoned: int = 0
    settled_after: float = 0.0

    @property
    def findings(self) -> dict[str, list[str]]:
        names = ("lost", "doubled", "failed", "parked", "backlog", "offenders", "leaks")
        return {name: found for name in names if (found := getattr(self, name))}

    @property
    def good(self) -> bool:
        return not self.findings


def examine(rig: Rig, load: Load, faults: Faults, settle: float = SETTLE, wait: float = 30.0) -> Verdict:
    """Waits until all is quiet, then looks at everything."""
    poison = faults.poisoned()
    verdict = Verdict(requests=len(load.book.promises), failed=list(load.failures))
    began = time.monotonic()
    verdict.backlog = _worked_off(rig, poison, began + settle)
    verdict.settled_after = time.monotonic() - began
    verdict.poisoned, verdict.parked = _parked(rig, poison)
    verdict.parked += _rubbish(rig, faults.rubbish)
    report = reconcile.examine(rig.databases(), wait=wait, live=True)
    verdict.offenders = [f"{each.invariant}. {each.document}: {each.detail}" for each in report.offenders + report.pending]
    for kept in (_documents(rig, load.book), _actions(rig, load.book), _timelines(rig)):
        for word, told in kept:
            (verdict.lost if word == "lost" else verdict.doubled).append(told)
    verdict.doubled += load.book.contradictions
    if not verdict.failed:
        verdict.doubled += _stock(load)
    return verdict


def _worked_off(rig: Rig, poison: dict[str, set[str]], deadline: float) -> list[str]:
    while True:
        try:
            left = list(_waiting(rig, poison))
        except psycopg2.Error as error:
            left = [f"a database does not answer: {error}"]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def _waiting(rig: Rig, poison: dict[str, set[str]]) -> Iterator[str]:
    for service in WITH_DATABASE:
        for number, types in rig.rows(service, "SELECT count(*), array_agg(DISTINCT type) FROM outbox WHERE sent_at IS NULL"):
            if number:
                yield f"{number} events wait in the outbox of {service}: {types}"
        for event, type_, reason in rig.rows(service, "SELECT event_id::text, type, reason FROM inbox WHERE state = 'retry'"):
            yield f"{service} still tries {type_} {event}: {reason}"
        parked = {event for (event,) in rig.rows(service, "SELECT event_id::text FROM inbox WHERE state = 'parked'")}
        if missing := poison.get(service, set()) - parked:
            yield f"poison has not reached {service}: {sorted(missing)}"
    yield from rig.undelivered()


def _parked(rig: Rig, poison: dict[str, set[str]]) -> tuple[int, list[str]]:
    expected, others = 0, []
    for service in WITH_DATABASE:
        for event, type_, reason in rig.rows(service, "SELECT event_id::text, type, reason FROM inbox WHERE state = 'parked'"):
            if event in poison.get(service, set()):
                expected += 1
            else:
                others.append(f"{service} parked {type_} {event}: {reason}")
    return expected, others


def _rubbish(rig: Rig, published: int) -> list[str]:
    """The dead-letter queues hold all rubbish, some of it twice perhaps, and nothing else."""
    letters = {body for _, body in rig.dead_letters()}
    others = [repr(body[:300]) for body in letters if b"rubbish" not in body]
    short = [f"{len(letters)} of {published} pieces of rubbish were kept"] if len(letters) < published else []
    return [*(f"dead letter {body}" for body in others), *short]


def _shape(path: str) -> str:
    return _ID.sub("*", path)


def _documents(rig: Rig, book: Book) -> Iterator[tuple[str, str]]:
    """Every created document is there; every document there was asked for."""
    for shape, (service, table) in MADE.items():
        promised = Counter(p.document["id"] for p in book.promises.values() if _shape(p.path) == shape and "id" in p.document)
        there = {row for (row,) in rig.rows(service, f"SELECT id::text FROM {table}")}
        for id_ in promised.keys() - there:
            yield "lost", f"{shape} {id_} was accepted and is not in {service}.{table}"
        for id_, times in promised.items():
            if times > 1:
                yield "lost", f"{shape} {id_} was the answer to {times} different requests"
        unknown = sum(_shape(path) == shape for path in book.unanswered)
        extra = there - promised.keys()
        if len(extra) > unknown:
            yield "doubled", f"{len(extra)} rows of {service}.{table} that nobody asked for: {sorted(extra)[:5]}"


def _actions(rig: Rig, book: Book) -> Iterator[tuple[str, str]]:
    """Every accepted action has its one journal row."""
    for shape, service in DONE.items():
        promised: Counter[tuple[str, str]] = Counter()
        for promise in book.promises.values():
            if _fits(shape, promise.path):
                *_, id_, action = promise.path.split("/")
                promised[id_, action] += 1
        by_itself = BY_ITSELF.get(service, "false")
        journal = rig.rows(service, f"SELECT entity_id::text, action, count(*) FROM journal WHERE NOT ({by_itself}) GROUP BY 1, 2")
        there = {(id_, action.replace("_", "-")): times for id_, action, times in journal}
        refused = {(id_, "cancel"): times for (id_, action), times in there.items() if action == "refuse-cancel"}
        unsure = {tuple(path.split("/")[-2:]) for path in book.unanswered if _fits(shape, path)}
        words = {action for _, action in promised}
        for key, times in promised.items():
            if there.get(key, 0) < times:
                yield "lost", f"{key[1]} of {key[0]} was accepted {times} times, journalled {there.get(key, 0)} times"
        for key, times in there.items():
            if key[1] in words and times - refused.get(key, 0) > promised[key] and key not in unsure:
                yield "doubled", f"{key[1]} of {key[0]} was accepted {promised[key]} times, journalled {times} times"


def _timelines(rig: Rig) -> Iterator[tuple[str, str]]:
    """What another service told of an order stands once in its timeline: the one effect of an event that a second handling
    would add to, whatever its sequence."""
    statement = """SELECT work_order_id::text, type, at, count(*) FROM timeline_entries GROUP BY 1, 2, 3, data::text
        HAVING count(*) > 1"""
    for order, type_, at, times in rig.rows("orders", statement):
        yield "doubled", f"{type_} of {at} stands {times} times in the timeline of {order}"


def _fits(shape: str, path: str) -> bool:
    return re.fullmatch(shape.replace("*", "[^/]+"), path) is not None


def _stock(load: Load) -> Iterator[str]:
    """What lies in the warehouses by our own count: received, less what the finished cases took."""
    company = load.company
    taken: Counter[tuple[str, str]] = Counter()
    for case in load.done:
        for part, quantity in case.quantities:
            if part in company.parts:
                taken[case.store.good["id"], part["id"]] += int(quantity)
    for site in company.sites:
        for part in company.parts:
            expected = STOCK - taken[site.good["id"], part["id"]]
            on_hand, reserved, _ = company.stock(part["id"], site.good["id"])
            if (Decimal(str(on_hand)), Decimal(str(reserved))) != (Decimal(expected), Decimal(0)):
                yield f"{part['number']} at {site.code}: {on_hand} on hand, {reserved} reserved; {expected} by our count"


def quiet(rig: Rig, within: float = 60.0) -> None:
    """Until every process of the suite is up and its databases answer."""

    def answers() -> None:
        for service in WITH_DATABASE:
            rig.rows(service, "SELECT 1")

    patiently(answers, within)


def shown(findings: Iterable[str], most: int = 12) -> str:
    found = list(findings)
    more = f"\n    … and {len(found) - most} more" if len(found) > most else ""
    return "\n".join(f"    {line}" for line in found[:most]) + more
