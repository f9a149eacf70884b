"""Repair orders at every stage, and what other services would report of them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chassis.domain.aggregate import new_id
from chassis.events.outgoing import row
from services.orders.devices import Coverage, Decision
from services.orders.repairs.facts import Bill, Parts
from services.orders.repairs.pricing import Position
from services.orders.repairs.states import Wait
from services.orders.repairs.work_order import WorkOrder
from tests.support.announced import added, loaded

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
P1, P2 = str(new_id()), str(new_id())
OUT, IN = Decision(Coverage.OUT_OF_WARRANTY, []), Decision(Coverage.IN_WARRANTY, [])
FINDINGS = {"symptom": "s", "cause": "c", "finding": "f", "quality_defect": True, "exclusion": None}


def registered(decision: Decision = OUT) -> WorkOrder:
    order = WorkOrder.register(
        "ann", decision, number="RE26110001", channel="counter", site_id=new_id(), org_path="/HQ/N/S1/",
        time_zone="Asia/Shanghai", problem="dead", registered_at=NOW,
    )  # fmt: skip
    return added(order)


def announced(order: WorkOrder) -> dict[str, Any]:
    """The one event of this step, checked against its contract; then the step is over."""
    [(sequence, event)] = order.take_events()
    loaded(order)
    return row(order, event, sequence, "ann", None, NOW)["envelope"]


def positions(quantity: float = 2) -> list[Position]:
    labour = Position("labour", "STD", "hour", Decimal("1"), Decimal("100.00"))
    return [labour, Position("part", P1, "pump", Decimal(str(quantity)), Decimal("10.00"))]


def parts(
    order: WorkOrder,
    *,
    reserved: bool = True,
    issued: float = 0,
    returned: float = 0,
    version: int | None = None,
) -> Parts:
    lines = [{"part_id": P1, "needed": 2, "reserved": 2 - issued, "issued": issued, "returned": returned}]
    return Parts(
        id=new_id(), work_order_id=order.id, quote_version=version or order.approved_version, reserved_all=reserved,
        issued_all=issued >= 2, issued_any=issued > returned, cancelled=False, lines=lines, drafts=[],
    )  # fmt: skip


def bill(order: WorkOrder, open_amount: str) -> Bill:
    return Bill(
        id=new_id(),
        work_order_id=order.id,
        number="BL1",
        round=1,
        state="open",
        open_amount=Decimal(open_amount),
    )


def in_repair(decision: Decision = OUT) -> WorkOrder:
    order = registered(decision)
    announced(order)
    order.start("ann")
    announced(order)
    return order


def approved(decision: Decision = OUT, quantity: float = 2) -> WorkOrder:
    order = in_repair(decision)
    order.offer(positions(quantity), Decimal("0.13"), NOW, "ann")
    announced(order)
    if order.waiting_for is Wait.APPROVAL:
        order.approve("李明", NOW, "ann")
        announced(order)
    return order


def in_check() -> WorkOrder:
    order = approved()
    order.complete("done", parts(order), "ann")
    announced(order)
    return order


def ready() -> WorkOrder:
    order = in_check()
    order.check(True, None, parts(order, issued=2), NOW, "ann")
    announced(order)
    return order


def give_back(quantity: float) -> list[dict[str, Any]]:
    return [{"part_id": P1, "quantity": quantity, "quality": "good"}]
