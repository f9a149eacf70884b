"""Voucher (记账凭证): puts together what one document does to the ledger, its open items and what it settles, in the document's transaction.

Every amount that somebody owes goes through ``owed``, ``owing`` and ``settle``, which make the entry together with the item or allocation:
so the ledger and what stands open cannot differ.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from chassis.db.uow import UnitOfWork
from chassis.domain.money import ZERO
from services.finance.ledger import chart
from services.finance.ledger.errors import Unbalanced
from services.finance.ledger.open_item import Allocation, OpenItem, Side
from services.finance.ledger.posting import Document, Entry, Posting

Amounts = dict[tuple[str, uuid.UUID | None], Decimal]
"""By account and party; debits above zero, credits below."""


class Voucher:
    """``post`` ends it."""

    def __init__(self, uow: UnitOfWork, document: Document) -> None:
        self._uow, self.document = uow, document
        self._amounts: Amounts = {}

    def entry(self, account: str, amount: Decimal, party_id: uuid.UUID | None = None) -> None:
        """A debit above zero, a credit below."""
        key = (account, party_id)
        self._amounts[key] = self._amounts.get(key, ZERO) + amount

    def owed(self, payer: str, party_id: uuid.UUID | None, amount: Decimal, due_on: date | None = None) -> OpenItem | None:
        """The payer owes it; None where nobody is to be asked for it, and the company bears it."""
        if not amount:
            return None
        if chart.owes(payer):
            return self._item(Side.RECEIVABLE, payer, party_id, chart.owed_by(payer), amount, due_on)
        self.borne(payer, amount)
        return None

    def borne(self, payer: str, amount: Decimal) -> None:
        """What the company bears in his name; nothing where he owes it."""
        if not chart.owes(payer):
            self.entry(chart.owed_by(payer), amount)

    def owing(self, payer: str, party_id: uuid.UUID | None, amount: Decimal) -> OpenItem | None:
        """We owe it to him."""
        return self._item(Side.PAYABLE, payer, party_id, chart.owed_to(payer), amount, None) if amount else None

    def settle(self, item: OpenItem, amount: Decimal, field: str = "amount", reverses: Allocation | None = None) -> None:
        """This document settles so much of the item; below zero it takes ``reverses`` back. Raises OverAllocated."""
        item.settle(amount, field)
        document = self.document
        self._uow.add(
            Allocation(
                org_path=item.org_path,
                open_item_id=item.id,
                document_type=document.type,
                document_id=document.id,
                on=document.on,
                amount=amount,
                reverses_id=reverses and reverses.id,
            )
        )
        self.entry(item.account, -amount if item.side is Side.RECEIVABLE else amount, item.party_id)

    def post(self) -> None:
        """Writes the posting, once for ever. A document that moves nothing posts nothing. Raises Unbalanced."""
        amounts, document, uow = balanced(self._amounts), self.document, self._uow
        if not amounts:
            return
        posting = Posting(
            org_path=document.org_path,
            source=document.type,
            source_id=document.id,
            reference=document.number,
            site_id=document.site_id,
            bill_id=document.bill_id,
            work_order_id=document.work_order_id,
            currency=document.currency,
            entry_count=len(amounts),
            posted_at=uow.now,
            posted_by=uow.actor,
        )
        uow.add(posting)
        for position, ((account, party_id), amount) in enumerate(amounts.items(), start=1):
            entry = {"posting_id": posting.id, "position": position, "account": account, "party_id": party_id, "amount": amount}
            uow.add(Entry(org_path=document.org_path, **entry))

    def _item(self, side: Side, payer: str, party_id: uuid.UUID | None, account: str, amount: Decimal, due_on: date | None) -> OpenItem:
        document = self.document
        item = OpenItem(
            org_path=document.org_path,
            side=side,
            payer=payer,
            party_id=party_id,
            account=account,
            document_type=document.type,
            document_id=document.id,
            reference=document.number,
            work_order_id=document.work_order_id,
            work_order_number=document.work_order_number,
            site_id=document.site_id,
            currency=document.currency,
            issued_on=document.on,
            due_on=due_on or document.on,
            amount=amount,
            open_amount=amount,
        )
        self._uow.add(item)
        self.entry(account, amount if side is Side.RECEIVABLE else -amount, party_id)
        return item


def balanced(amounts: Mapping[tuple[str, uuid.UUID | None], Decimal]) -> Amounts:
    """The entries worth writing (what does not move has none). Raises Unbalanced."""
    moved = {key: amount for key, amount in amounts.items() if amount}
    if sum(moved.values(), ZERO) != 0:
        raise Unbalanced(f"{moved} sum to {sum(moved.values(), ZERO)}")
    return moved


def use(voucher: Voucher, credits: Iterable[OpenItem], owed: OpenItem) -> Decimal:
    """What is owed to a party settles what it owes, as far as it goes, oldest first; how much that was."""
    used = ZERO
    for credit in credits:
        amount = min(credit.open_amount, owed.open_amount)
        if amount:
            voucher.settle(credit, amount)
            voucher.settle(owed, amount)
            used += amount
    return used
