"""The invariants across services (`reconcile`): one file each, plain SQL over the five databases.

``examine`` looks again until nothing offends or the time is over. An offender counts only if it was there at every look
and no unhandled event speaks of it: facts travel, and a document half way is not a wrong one.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chassis import contracts
from chassis.messaging.registry import subscriptions
from chassis.service import Service
from contracts.reconcile import (
    confirmed,
    copies,
    custody,
    delivery,
    erased,
    files,
    ledger,
    one_bill,
    parts_billed,
    revisits,
    stock,
)
from contracts.reconcile.sources import Check, Offender as Offender, Owned, Subscribers, snapshots

CHECKS: Mapping[int, tuple[str, Check]] = {
    1: ("one bill per finished order", one_bill.check),
    2: ("parts billed are parts issued", parts_billed.check),
    3: ("stock is the sum of its movements", stock.check),
    4: ("the ledger balances", ledger.check),
    5: ("one revisit per completed order", revisits.check),
    6: ("events are handled once", delivery.check),
    7: ("read copies agree with their owner", copies.check),
    8: ("attachments are whole", files.check),
    9: ("erased customers are erased everywhere", erased.check),
    10: ("what waits for a word gets it", confirmed.check),
    11: ("a device has one holder", custody.check),
}
LIMIT = 900.0  # seconds an event may wait while the suite is up; the longest delay between two attempts is ten minutes
PAUSE = 1.0


@dataclass(frozen=True)
class Report:
    """``offenders`` count; ``pending`` would, had not an unhandled event been on its way about them."""

    offenders: list[Offender]
    pending: list[Offender]
    seconds: float


def subscribers() -> Subscribers:
    """Who handles what, from the consumers themselves."""
    by_type: dict[str, tuple[str, ...]] = {}
    for service in services():
        for type_ in subscriptions(service).types:
            by_type[type_] = (*by_type.get(type_, ()), service.name)
    return Subscribers(by_type)


def services() -> list[Service]:
    packages = [name if name == "gateway" else f"services.{name}" for name in contracts.services()]
    return [importlib.import_module(f"{package}.app").SERVICE for package in packages]


def examine(
    databases: Mapping[str, Owned],
    *,
    wait: float,
    live: bool,
    limit: float = LIMIT,
    progress: Callable[[int], None] = lambda offenders: None,
) -> Report:
    """One report on a suite's databases. With the suite down nothing moves, so one look is enough."""
    began, known = time.monotonic(), subscribers()
    suspects: dict[tuple[int, str], Offender] | None = None
    while True:
        with snapshots(databases, known, live=live, limit=limit) as sources:
            found = {offender.key: offender for _, check in CHECKS.values() for offender in check(sources)}
            if suspects is not None:
                found = {key: offender for key, offender in found.items() if key in suspects}
            suspects = found
            over = not live or time.monotonic() - began >= wait
            if not suspects or over:
                explained = delivery.in_flight(sources) if suspects else set()
                break
        progress(len(suspects))
        time.sleep(min(PAUSE, max(0.0, wait - (time.monotonic() - began))))
    pending = [offender for offender in suspects.values() if not explained.isdisjoint(offender.ids)]
    counted = [offender for offender in suspects.values() if explained.isdisjoint(offender.ids)]
    return Report(sorted(counted, key=_order), sorted(pending, key=_order), time.monotonic() - began)


def _order(offender: Offender) -> tuple[int, str]:
    return offender.key
