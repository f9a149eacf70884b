"""What other services report about an order: kept as facts, told in its timeline, and moving it where it waited for them."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import bindparam, select

from chassis.db.statements import Fixed
from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, Retry, on, parse_type
from services.orders.repairs import exits
from services.orders.repairs.facts import Bill, Parts, Revisit
from services.orders.repairs.loading import fetch
from services.orders.repairs.records import TimelineEntry
from services.orders.repairs.states import State
from services.orders.repairs.work_order import WorkOrder

PARTS = ("quote_version", "reserved_all", "issued_all", "issued_any", "lines")
BILL = ("number", "round", "state")
AMOUNTS = ("customer_total", "maker_total", "open_amount")
_WHERE = Fixed(select(WorkOrder.org_path).where(WorkOrder.id == bindparam("id")))


@on("aftersales.inventory.requisition.*.v1", reads=("work_order_id", *PARTS, "cancelled", "drafts", "summary"), locks=True)
def requisition_changed(uow: UnitOfWork, event: Event) -> None:
    """Parts reserved, issued or back: an order that waited for its parts goes on (I-24, I-60)."""
    work_order_id, org_path = _in_timeline(uow, event)
    facts = {name: event.data[name] for name in PARTS} | {"cancelled": event.data.get("cancelled", False), "drafts": event.data.get("drafts", [])}
    if uow.copied(Parts, event, work_order_id=work_order_id, org_path=org_path, **facts):
        parts = uow.one(Parts, id=event.subject)
        assert parts is not None
        exits.parts_reported(uow, work_order_id, parts)


@on("aftersales.finance.bill.*.v1", reads=("work_order_id", *BILL, *AMOUNTS, "reversal_number", "credited"))
def bill_changed(uow: UnitOfWork, event: Event) -> None:
    """Kept for the gates. A paid bill of a later round moves the order that was un-audited on (G-21)."""
    work_order_id, org_path = _in_timeline(uow, event)
    money = {name: Decimal(event.data[name]) for name in AMOUNTS}
    facts = {name: event.data[name] for name in BILL}
    values = {"work_order_id": work_order_id, "org_path": org_path, **facts, **money}
    if facts["round"] == 1:
        uow.copy(Bill, event, **values)
    elif uow.copied(Bill, event, **values):
        bill = uow.one(Bill, id=event.subject)
        assert bill is not None
        fetch(uow, work_order_id).note_bill(bill, uow.actor)


@on("aftersales.finance.payment.*.v1", reads=("work_order_id", "number", "amount", "method", "open_amount", "reversal_number"))
@on("aftersales.finance.refund.*.v1", reads=("work_order_id", "number", "amount", "method", "credit_left"))
def money_moved(uow: UnitOfWork, event: Event) -> None:
    _in_timeline(uow, event)


@on("aftersales.callcenter.revisit.*.v1", reads=("work_order_id", "due_on", "solved", "score", "comment"))
def revisit_changed(uow: UnitOfWork, event: Event) -> None:
    """Kept for the gates."""
    work_order_id, org_path = _in_timeline(uow, event)
    facts = {name: event.data.get(name) for name in ("solved", "score")}
    recorded = facts["solved"] is not None
    uow.copy(Revisit, event, work_order_id=work_order_id, org_path=org_path, recorded=recorded, **facts)


@on("aftersales.callcenter.revisit.recorded.v1", reads=("work_order_id", "solved"), locks=True)
def revisit_recorded(uow: UnitOfWork, event: Event) -> None:
    """A recorded revisit moves the completed order on when it is solved (O-85); when not, its follow-up does."""
    if event.data["solved"]:
        _revisited(uow, UUID(event.data["work_order_id"]), event.actor)


@on("aftersales.callcenter.follow_up.*.v1", reads=("work_order_id", "comment", "solved", "reason"))
def follow_up_changed(uow: UnitOfWork, event: Event) -> None:
    _in_timeline(uow, event)


@on("aftersales.callcenter.follow_up.closed.v1", reads=("work_order_id",), locks=True)
def follow_up_closed(uow: UnitOfWork, event: Event) -> None:
    """What was not solved at the revisit is solved now, or the manager closed it."""
    _revisited(uow, UUID(event.data["work_order_id"]), event.actor)


def _revisited(uow: UnitOfWork, work_order_id: UUID, by: str) -> None:
    order = fetch(uow, work_order_id)
    if order.state is State.COMPLETED and not order.reopened:
        order.revisit(by)


def _in_timeline(uow: UnitOfWork, event: Event) -> tuple[UUID, str]:
    """Add the event to the order's timeline; its id and org_path. An order that is not here yet is waited for."""
    work_order_id = UUID(event.data["work_order_id"])
    org_path = uow.scalar(_WHERE, {"id": work_order_id})
    if org_path is None:
        raise Retry(f"no work order {work_order_id}")
    kind = parse_type(event.type)
    row = {"work_order_id": work_order_id, "org_path": org_path, "at": event.time, "type": f"{kind.subject}.{kind.verb}"}
    entry = TimelineEntry(**row, source=kind.service, actor=event.actor, data=dict(event.data))
    uow.add(entry)
    return work_order_id, org_path
