"""Posting documents to the ledger, in the transaction of the document."""

import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from chassis.db.uow import UnitOfWork
from services.finance.ledger.account import Code
from services.finance.ledger.posting import Entry, Posting, Source
from services.finance.ledger.rules import (
    BilledLine,
    bill_entries,
    credit_entries,
    payment_entries,
    refund_entries,
    reversal_entries,
)


class Document(Protocol):
    """What the ledger needs of any document it posts."""

    @property
    def id(self) -> uuid.UUID: ...
    @property
    def number(self) -> str: ...
    @property
    def work_order_id(self) -> uuid.UUID: ...
    @property
    def currency(self) -> str: ...
    @property
    def org_path(self) -> str: ...


class OfBill(Document, Protocol):
    @property
    def bill_id(self) -> uuid.UUID: ...


class PaymentDocument(OfBill, Protocol):
    @property
    def method(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...


def post_bill(uow: UnitOfWork, bill: Document, lines: Iterable[BilledLine]) -> None:
    """What a new bill makes others owe. A bill of nothing posts nothing."""
    _post(uow, Source.BILL, bill, bill.id, bill_entries(lines))


def post_payment(uow: UnitOfWork, payment: PaymentDocument) -> None:
    _post(uow, Source.PAYMENT, payment, payment.bill_id, payment_entries(str(payment.method), payment.amount))


def post_reversal(uow: UnitOfWork, reversal: OfBill, lines: Iterable[BilledLine]) -> None:
    """A bill taken back; ``lines`` are the bill's."""
    _post(uow, Source.REVERSAL, reversal, reversal.bill_id, reversal_entries(lines))


def post_credit(uow: UnitOfWork, bill: Document, amount: Decimal) -> None:
    """Credit that paid a bill when it was issued."""
    _post(uow, Source.CREDIT, bill, bill.id, credit_entries(amount))


def post_refund(uow: UnitOfWork, refund: PaymentDocument) -> None:
    _post(uow, Source.REFUND, refund, refund.bill_id, refund_entries(str(refund.method), refund.amount))


def _post(
    uow: UnitOfWork, source: Source, document: Document, bill_id: uuid.UUID, amounts: Mapping[Code, Decimal]
) -> None:
    if not amounts:
        return
    posting = Posting(
        org_path=document.org_path,
        source=source,
        source_id=document.id,
        reference=document.number,
        bill_id=bill_id,
        work_order_id=document.work_order_id,
        currency=document.currency,
        entry_count=len(amounts),
        posted_at=uow.now,
        posted_by=uow.actor,
    )
    uow.add(posting)
    for position, (account, amount) in enumerate(amounts.items(), start=1):
        uow.add(
            Entry(
                org_path=document.org_path,
                posting_id=posting.id,
                position=position,
                account=account,
                amount=amount,
            )
        )
