"""What can be done with money received and paid back. Whoever settles something locks the bills first, then the items, each in the order of
their ids."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import BadTransition, DuplicateLine, NotFound, UnknownReference, ValidationFailed
from chassis.domain.money import ZERO
from services.finance.billing import Bill, Reversal, State, site_of
from services.finance.kernel import local_day
from services.finance.ledger import Allocation, OpenItem, Side, Voucher, money_account
from services.finance.receivables.errors import AlreadyReversed, SeveralPayers
from services.finance.receivables.payment import Payment
from services.finance.receivables.refund import Refund

CUSTOMER = "customer"


def pay(uow: UnitOfWork, bill_id: UUID, method: str, amount: str, account_code: str | None = None) -> tuple[Payment, Bill]:
    """F-23. Receive a part or all of what the customer owes for a bill. Raises OverAllocated above the open amount; the locked
    bill makes payments at the same moment wait for each other."""
    bill = uow.get(Bill, bill_id)
    sum_ = Decimal(amount)
    bill.check_open(sum_)
    items = uow.find(OpenItem, document_type="bill", document_id=bill.id, payer=CUSTOMER, side=Side.RECEIVABLE, lock=True)
    payment = _receive(uow, [(items[0], sum_)], {bill.id: bill}, method, account_code, None)
    return payment, bill


def receive(
    uow: UnitOfWork, method: str, allocations: Sequence[dict[str, Any]], account_code: str | None = None, received_on: str | None = None
) -> Payment:
    """F-23. One payment of one payer for several open items of a site, a maker's for what he owes for a month of repairs. Raises
    UnknownReference, DuplicateLine, SeveralPayers, OverAllocated; nothing is received then."""
    ids = [UUID(each["open_item_id"]) for each in allocations]
    for index, id in enumerate(ids):
        if id in ids[:index]:
            raise DuplicateLine(f"allocations.{index}.open_item_id")
    items = _locked(uow, ids)
    for index, id in enumerate(ids):
        if id not in items or items[id].side is not Side.RECEIVABLE:
            raise UnknownReference(f"allocations.{index}.open_item_id")
        if _source(items[id]) != _source(items[ids[0]]):
            raise SeveralPayers(field=f"allocations.{index}.open_item_id")
    for index, (id, each) in enumerate(zip(ids, allocations, strict=True)):
        items[id].check_open(Decimal(each["amount"]), f"allocations.{index}.amount")
    bills = _bills(uow, items.values())
    settled = [(items[id], Decimal(each["amount"])) for id, each in zip(ids, allocations, strict=True)]
    return _receive(uow, settled, bills, method, account_code, date.fromisoformat(received_on) if received_on else None)


def _receive(
    uow: UnitOfWork, settled: Sequence[tuple[OpenItem, Decimal]], bills: dict[UUID, Bill], method: str, account: str | None, on: date | None
) -> Payment:
    """``bills``: those of the items, locked."""
    first = settled[0][0]
    today = local_day(uow.now, site_of(uow, first.site_id).time_zone)
    if on is not None and on > today:
        raise ValidationFailed.of("received_on", "out_of_range")
    into = money_account(uow, method, account)
    number = uow.number("payment", on or today)
    sum_ = sum((amount for _, amount in settled), ZERO)
    payment = Payment.receive([item for item, _ in settled], number, method, into, sum_, on or today)
    for item, amount in settled:
        if bill := _paid_bill(item, bills):
            bill.pay(amount, number, uow.actor)
    if payment.told and payment.bill_id:
        payment.record("received", open_amount=bills[payment.bill_id].open_amount)
    uow.add(payment)
    voucher = Voucher(uow, payment.document(first.work_order_number))
    voucher.entry(into, sum_)
    for item, amount in settled:
        voucher.settle(item, amount)
    voucher.post()
    return payment


def reverse(uow: UnitOfWork, payment_id: UUID, reason: str) -> tuple[Payment, Bill | None]:
    """R-10. The payment is taken back by one of the negative amount, and what it had settled is open again; the payment itself is answered.
    Not once its order is audited or its bill reversed (BadTransition); once (AlreadyReversed)."""
    seen = uow.one(Payment, id=payment_id)
    if seen is None:
        raise NotFound()
    made = uow.find(Allocation, document_type="payment", document_id=payment_id, order_by=["open_item_id"])
    bills = _bills(uow, uow.find(OpenItem, id=[each.open_item_id for each in made]) if made else ())
    payment = uow.get(Payment, payment_id)
    if not payment.reversible:
        raise AlreadyReversed()
    items = {item.id: item for item in uow.find(OpenItem, id=[each.open_item_id for each in made], order_by=["id"], lock=True)}
    for bill in bills.values():
        if bill.state is State.REVERSED or bill.audited:
            raise BadTransition("audited" if bill.audited else bill.state, [], "reverse")
    today = local_day(uow.now, site_of(uow, payment.site_id).time_zone)
    number = uow.number("payment", today)
    back = payment.taken_back(number, reason, today)
    uow.add(back, silent=True)
    for each in made:
        if paid := _paid_bill(items[each.open_item_id], bills):
            paid.take_back(each.amount, number, reason, uow.actor)
    voucher = Voucher(uow, back.document())
    voucher.entry(payment.account_code, -payment.amount)
    for each in made:
        voucher.settle(items[each.open_item_id], -each.amount, reverses=each)
    voucher.post()
    payment.reversed_by_id = back.id
    if payment.told and payment.bill_id:
        payment.record("reversed", reversal_number=number, open_amount=bills[payment.bill_id].open_amount)
    return payment, bills.get(payment.bill_id) if payment.bill_id else None


def refund(uow: UnitOfWork, credit_id: UUID, method: str, amount: str, account_code: str | None = None) -> Refund:
    """Pay back a part or all of a credit. Raises OverAllocated above what is left; the locked item makes refunds and a new
    bill at the same moment wait for each other."""
    credit = uow.get(OpenItem, credit_id)
    if credit.side is not Side.PAYABLE:
        raise NotFound()
    sum_ = Decimal(amount)
    credit.check_open(sum_)
    given = uow.one(Reversal, id=credit.document_id)
    assert given is not None  # only reversals give credit
    day = local_day(uow.now, site_of(uow, credit.site_id).time_zone)
    out_of = money_account(uow, method, account_code)
    paid = Refund.pay(credit, given.bill_id, uow.number("refund", day), method, out_of, sum_, day)
    if credit.payer == CUSTOMER:  # what others get back is not his to know
        paid.record("paid", credit_left=credit.open_amount - sum_)
    uow.add(paid, silent=credit.payer != CUSTOMER)
    voucher = Voucher(uow, paid.document(credit))
    voucher.settle(credit, sum_)
    voucher.entry(out_of, -sum_)
    voucher.post()
    return paid


def _locked(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, OpenItem]:
    """The items, locked after their bills."""
    seen = uow.find(OpenItem, id=list(ids))
    _bills(uow, seen)
    return {item.id: item for item in uow.find(OpenItem, id=[item.id for item in seen], order_by=["id"], lock=True)} if seen else {}


def _bills(uow: UnitOfWork, items: Iterable[OpenItem]) -> dict[UUID, Bill]:
    """Bills whose customer's part these items are, locked in the order of their ids."""
    ids = sorted({item.document_id for item in items if item.document_type == "bill"})
    return {bill.id: bill for bill in uow.find(Bill, id=ids, order_by=["id"], lock=True)} if ids else {}


def _paid_bill(item: OpenItem, bills: dict[UUID, Bill]) -> Bill | None:
    """The bill that shows what its customer still owes; what others owe stands in their items alone."""
    return bills[item.document_id] if item.document_type == "bill" and item.payer == CUSTOMER else None


def _source(item: OpenItem) -> tuple[str, UUID | None, UUID, str]:
    return item.payer, item.party_id, item.site_id, item.currency
