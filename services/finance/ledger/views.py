"""The ledger as the API shows it."""

from typing import Any

from sqlalchemy import Row

from chassis.domain.money import ZERO
from chassis.http.views import stamps
from services.finance.kernel import DEFAULT_CURRENCY
from services.finance.ledger.open_item import Allocation, OpenItem


def entry(row: Row[Any]) -> dict[str, Any]:
    """``amount`` above zero is a debit, below zero a credit."""
    return {
        "id": row.id,
        "posting_id": row.posting_id,
        "posted_at": row.posted_at,
        "posted_by": row.posted_by,
        "source": row.source,
        "source_id": row.source_id,
        "reference": row.reference,
        "bill_id": row.bill_id,
        "work_order_id": row.work_order_id,
        "site_id": row.site_id,
        "account": row.account,
        "party_id": row.party_id,
        "currency": row.currency,
        "debit": max(row.amount, ZERO),
        "credit": max(-row.amount, ZERO),
        "amount": row.amount,
    }


def account(row: Any) -> dict[str, Any]:
    """A row of ``queries.accounts``."""
    return {
        "id": row.id,
        "code": row.code,
        "number": row.number,
        "nature": row.nature,
        "name_zh": row.name_zh,
        "name_en": row.name_en,
        "method": row.method,
        "system": row.system,
        "active": row.active,
        "currency": DEFAULT_CURRENCY,
        "balance": row.balance,
        **stamps(row),
    }


def open_item(item: OpenItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "side": item.side,
        "payer": item.payer,
        "party_id": item.party_id,
        "account": item.account,
        "document_type": item.document_type,
        "document_id": item.document_id,
        "reference": item.reference,
        "work_order_id": item.work_order_id,
        "work_order_number": item.work_order_number,
        "site_id": item.site_id,
        "currency": item.currency,
        "issued_on": item.issued_on,
        "due_on": item.due_on,
        "amount": item.amount,
        "open_amount": item.open_amount,
        **stamps(item),
    }


def allocation(allocation: Allocation) -> dict[str, Any]:
    return {
        "id": allocation.id,
        "document_type": allocation.document_type,
        "document_id": allocation.document_id,
        "on": allocation.on,
        "amount": allocation.amount,
        "reverses_id": allocation.reverses_id,
    }
