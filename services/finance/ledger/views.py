"""The ledger as the API shows it."""

from typing import Any

from sqlalchemy import Row

from chassis.domain.money import ZERO
from services.finance.kernel import DEFAULT_CURRENCY


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
        "account": row.account,
        "currency": row.currency,
        "debit": max(row.amount, ZERO),
        "credit": max(-row.amount, ZERO),
        "amount": row.amount,
    }


def account(row: Row[Any]) -> dict[str, Any]:
    return {
        "code": row.code,
        "number": row.number,
        "nature": row.nature,
        "name_zh": row.name_zh,
        "name_en": row.name_en,
        "currency": DEFAULT_CURRENCY,
        "balance": row.balance,
    }
