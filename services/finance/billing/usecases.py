"""What can be done with bills: facts of orders make them and take them back."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, Retry
from chassis.domain.money import ZERO
from services.finance.billing.bill import Bill, State
from services.finance.billing.bill_line import BillLine
from services.finance.billing.copies import site_of
from services.finance.billing.reversal import Reversal
from services.finance.counterparties import Counterparty, name_customer
from services.finance.kernel import local_day
from services.finance.ledger import OUTPUT_TAX, REVENUE, OpenItem, Side, Voucher, use

_AUDITED = "UPDATE bills SET audited = true WHERE work_order_id = %s AND round = %s"


def issue_bill(uow: UnitOfWork, event: Event, on: str) -> None:
    """F-06. Bill exactly what the order decided, once per work order and round: a second telling changes nothing.
    ``on``: the instant whose day at the site is the bill's. A later round waits for the reversal of the one before; the
    credit of each payer pays as much of his part as there is.

    A bill whose sums do not hold raises SumMismatch, so the event is parked and no wrong money is posted.
    """
    order, billing = event.data, event.data["billing"]
    work_order_id, round_ = UUID(order["id"]), billing["round"]
    if uow.one(Bill, work_order_id=work_order_id, round=round_):
        return
    credits = _credits(uow, work_order_id, round_)
    customer_id = UUID(order["customer_id"]) if order["customer_id"] else None
    lines = [BillLine.of(position, line, customer_id) for position, line in enumerate(billing["lines"], start=1)]
    day = local_day(datetime.fromisoformat(on), site_of(uow, UUID(order["site_id"])).time_zone)
    bill = Bill(
        number=uow.number("bill", day),
        org_path=event.org_path,
        work_order_id=work_order_id,
        work_order_number=order["number"],
        round=round_,
        site_id=UUID(order["site_id"]),
        customer_id=customer_id,
        issued_on=day,
        currency=billing["currency"],
        audited=False,
    )
    his = sum((credit.open_amount for credit in credits if (credit.payer, credit.party_id) == ("customer", customer_id)), ZERO)
    bill.issue(lines, Decimal(billing["customer_total"]), Decimal(billing["maker_total"]), uow.actor, his)
    name_customer(uow, customer_id)
    uow.add(bill)
    for line in lines:
        line.bill_id, line.org_path = bill.id, bill.org_path
        uow.add(line)
    owed = _post(uow, bill, lines)
    if credits:
        paid = Voucher(uow, bill.document("credit"))
        for item in owed:
            use(paid, [credit for credit in credits if (credit.payer, credit.party_id) == (item.payer, item.party_id)], item)
        paid.post()


def _post(uow: UnitOfWork, bill: Bill, lines: Sequence[BillLine]) -> list[OpenItem]:
    """Everybody owes his part, revenue is by kind of line, tax is owed to the state. A bill of nothing posts nothing."""
    voucher = Voucher(uow, bill.document())
    owed = [
        voucher.owed(payer, party_id, amount, _due(uow, party_id, bill.issued_on) if payer != "customer" else None)
        for (payer, party_id), amount in bill.shares(lines).items()
    ]
    for line in lines:
        voucher.entry(REVENUE[line.kind], -line.net)
        voucher.entry(OUTPUT_TAX, -line.tax)
    voucher.post()
    return [item for item in owed if item]


def _credits(uow: UnitOfWork, work_order_id: UUID, round_: int) -> list[OpenItem]:
    """What a later round may use, locked, oldest first. Raises Retry until the round before has been reversed."""
    if round_ == 1:
        return []
    before = uow.one(Bill, work_order_id=work_order_id, round=round_ - 1)
    if before is None or before.state is not State.REVERSED:
        raise Retry(f"round {round_ - 1} of {work_order_id} is not reversed yet")
    open_ = OpenItem.open_amount > 0
    return uow.find(OpenItem, open_, work_order_id=work_order_id, side=Side.PAYABLE, order_by=["id"], lock=True)


def reverse_bill(uow: UnitOfWork, event: Event) -> None:
    """G-21, R-10. The un-audited order's bill is taken back by a document of its own, once: what was paid becomes the payer's
    credit, what was not is owed no longer, all the rest is posted the other way round."""
    order: Mapping[str, Any] = event.data
    found = uow.one(
        Bill, Bill.work_order_id == UUID(order["id"]), Bill.round == order["billing"]["round"], lock=True
    )
    if found is None:  # the event overtook the one that issues the bill
        raise Retry(f"no bill of {order['id']} in round {order['billing']['round']} yet")
    if found.state is State.REVERSED:
        return
    items = uow.find(OpenItem, document_type="bill", document_id=found.id, order_by=["id"], lock=True)
    day = local_day(event.time, site_of(uow, found.site_id).time_zone)
    number = uow.number("reversal", day)
    reversal = Reversal.of(found, number, order["reason"], day, event.actor)
    found.reverse(number, order["reason"], uow.actor)
    uow.add(reversal)
    lines = uow.find(BillLine, bill_id=found.id, order_by=["position"])
    voucher = Voucher(uow, reversal.document(found))
    for item in items:
        voucher.owing(item.payer, item.party_id, item.amount - item.open_amount)
        if item.open_amount:
            voucher.settle(item, item.open_amount)
    for (payer, _), amount in found.shares(lines).items():
        voucher.borne(payer, -amount)
    for line in lines:
        voucher.entry(REVENUE[line.kind], line.net)
        voucher.entry(OUTPUT_TAX, line.tax)
    voucher.post()


def note_audit(uow: UnitOfWork, work_order_id: UUID, round_: int) -> None:
    """From its order's audit on what was paid on a bill is final; an order that is un-audited gets another bill."""
    uow.later(_AUDITED, (work_order_id, round_))


def _due(uow: UnitOfWork, party_id: UUID | None, issued_on: date) -> date:
    """By the party's term."""
    party = uow.one(Counterparty, id=party_id) if party_id else None
    return issued_on + timedelta(days=party.term_days) if party else issued_on
