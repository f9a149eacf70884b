"""What can be done with bills and payments."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, Retry
from chassis.domain.money import ZERO
from services.finance import ledger
from services.finance.billing.bill import Bill, State
from services.finance.billing.bill_line import BillLine
from services.finance.billing.copies import SiteCopy
from services.finance.billing.credit import Allocation, Credit
from services.finance.billing.payment import Method, Payment
from services.finance.billing.refund import Refund
from services.finance.billing.reversal import Reversal
from services.finance.kernel import local_day


def issue_bill(uow: UnitOfWork, event: Event, on: str) -> None:
    """F-06. Bill exactly what the order decided, once per work order and round: a second telling changes nothing.
    ``on``: the instant whose day at the site is the bill's. A later round waits for the reversal of the one before; the
    customer's credit pays as much of it as there is.

    A bill whose sums do not hold raises SumMismatch, so the event is parked and no wrong money is posted.
    """
    order, billing = event.data, event.data["billing"]
    work_order_id, round_ = UUID(order["id"]), billing["round"]
    if uow.one(Bill, work_order_id=work_order_id, round=round_):
        return
    credit = _credit_for(uow, work_order_id, round_)
    lines = [BillLine.of(position, line) for position, line in enumerate(billing["lines"], start=1)]
    day = local_day(datetime.fromisoformat(on), _site(uow, UUID(order["site_id"])).time_zone)
    bill = Bill(
        number=uow.number("bill", day),
        org_path=event.org_path,
        work_order_id=work_order_id,
        work_order_number=order["number"],
        round=round_,
        site_id=UUID(order["site_id"]),
        customer_id=UUID(order["customer_id"]) if order["customer_id"] else None,
        issued_on=day,
        currency=billing["currency"],
    )
    used = bill.issue(
        lines,
        Decimal(billing["customer_total"]),
        Decimal(billing["maker_total"]),
        uow.actor,
        credit.balance if credit else ZERO,
    )
    uow.add(bill)
    for line in lines:
        line.bill_id, line.org_path = bill.id, bill.org_path
        uow.add(line)
    ledger.post_bill(uow, bill, lines)
    if credit and used:
        credit.spend(used, bill.number, uow.actor)
        uow.add(
            Allocation(org_path=bill.org_path, work_order_id=work_order_id, bill_id=bill.id, amount=used)
        )
        ledger.post_credit(uow, bill, used)


def _credit_for(uow: UnitOfWork, work_order_id: UUID, round_: int) -> Credit | None:
    """What a later round may use, locked. Raises Retry until the round before has been reversed."""
    if round_ == 1:
        return None
    before = uow.one(Bill, work_order_id=work_order_id, round=round_ - 1)
    if before is None or before.state is not State.REVERSED:
        raise Retry(f"round {round_ - 1} of {work_order_id} is not reversed yet")
    return uow.one(Credit, work_order_id=work_order_id, lock=True)


def reverse_bill(uow: UnitOfWork, event: Event) -> None:
    """G-21, R-10. The un-audited order's bill is taken back by a document of its own, once: what the customer paid becomes
    his credit, all the rest is posted the other way round."""
    order = event.data
    found = uow.one(
        Bill, Bill.work_order_id == UUID(order["id"]), Bill.round == order["billing"]["round"], lock=True
    )
    if found is None:  # the event overtook the one that issues the bill
        raise Retry(f"no bill of {order['id']} in round {order['billing']['round']} yet")
    if found.state is State.REVERSED:
        return
    day = local_day(event.time, _site(uow, found.site_id).time_zone)
    number = uow.number("reversal", day)
    found.reverse(number, order["reason"], uow.actor)
    reversal = Reversal.of(found, number, order["reason"], day, event.actor)
    uow.add(reversal)
    ledger.post_reversal(uow, reversal, uow.find(BillLine, bill_id=found.id))
    if reversal.credited:
        credit = uow.one(Credit, work_order_id=found.work_order_id, lock=True)
        if credit is None:
            credit = Credit.of(found, uow.actor)
            uow.add(credit)
        credit.add(reversal.credited, number, uow.actor)


def pay(uow: UnitOfWork, bill_id: UUID, method: str, amount: str) -> tuple[Payment, Bill]:
    """F-23. Receive a part or all of what the customer owes. Raises OverAllocated above the open amount; the locked
    bill makes payments at the same moment wait for each other."""
    bill = uow.get(Bill, bill_id)
    sum_ = Decimal(amount)
    bill.check_open(sum_)
    day = local_day(uow.now, _site(uow, bill.site_id).time_zone)
    number = uow.number("payment", day)
    bill.pay(sum_, number, uow.actor)
    payment = Payment.receive(bill, number, Method(method), sum_, day)
    uow.add(payment)
    ledger.post_payment(uow, payment)
    return payment, bill


def refund(uow: UnitOfWork, credit_id: UUID, method: str, amount: str) -> Refund:
    """Pay back a part or all of a customer's credit. Raises OverAllocated above its balance; the locked credit makes
    refunds and a new bill at the same moment wait for each other."""
    credit = uow.get(Credit, credit_id)
    sum_ = Decimal(amount)
    credit.check_left(sum_)
    [last] = uow.find(
        Reversal,
        Reversal.work_order_id == credit.work_order_id,
        order_by=[Reversal.created_at.desc()],
        limit=1,
    )
    day = local_day(uow.now, _site(uow, credit.site_id).time_zone)
    number = uow.number("refund", day)
    credit.spend(sum_, number, uow.actor)
    paid = Refund.pay(credit, last.bill_id, number, Method(method), sum_, day)
    uow.add(paid)
    ledger.post_refund(uow, paid)
    return paid


def _site(uow: UnitOfWork, site_id: UUID) -> SiteCopy:
    """The site's copy; an event that overtook the site's own is tried again, since the site decides the month."""
    site = uow.one(SiteCopy, id=site_id)
    if site is None:
        raise Retry(f"site {site_id} is not known yet")
    return site
