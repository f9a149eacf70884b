"""Payments, credits and refunds as the API shows them."""

from collections.abc import Iterable
from typing import Any

from chassis.domain.principal import Principal
from chassis.http.views import stamps
from services.finance.billing import Bill
from services.finance.ledger import Allocation, OpenItem
from services.finance.receivables.payment import Payment
from services.finance.receivables.refund import Refund


def payment(payment: Payment, bill: Bill | None, settled: Iterable[Allocation], principal: Principal) -> dict[str, Any]:
    """With what it settled, and what its bill looks like now."""
    return {
        "id": payment.id,
        "number": payment.number,
        "payer": payment.payer,
        "party_id": payment.party_id,
        "site_id": payment.site_id,
        "bill_id": payment.bill_id,
        "work_order_id": payment.work_order_id,
        "received_on": payment.received_on,
        "method": payment.method,
        "account_code": payment.account_code,
        "currency": payment.currency,
        "amount": payment.amount,
        "allocations": [{"open_item_id": each.open_item_id, "amount": each.amount} for each in settled],
        "bill": bill and {"id": bill.id, "number": bill.number, "state": bill.state, "open_amount": bill.open_amount},
        "reverses_id": payment.reverses_id,
        "reversed_by_id": payment.reversed_by_id,
        "reason": payment.reason,
        "allowed_actions": payment.allowed(principal),
        **stamps(payment),
    }


def credit(item: OpenItem, principal: Principal) -> dict[str, Any]:
    """What is owed to somebody; ``customer_id`` where that is a customer."""
    return {
        "id": item.id,
        "work_order_id": item.work_order_id,
        "work_order_number": item.work_order_number,
        "site_id": item.site_id,
        "payer": item.payer,
        "party_id": item.party_id,
        "customer_id": item.party_id if item.payer == "customer" else None,
        "currency": item.currency,
        "amount": item.amount,
        "balance": item.open_amount,
        "allowed_actions": ["refunds"] if item.open_amount > 0 and principal.may("finance.refund.create") else [],
        **stamps(item),
    }


def refund(refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "number": refund.number,
        "credit_id": refund.credit_id,
        "bill_id": refund.bill_id,
        "work_order_id": refund.work_order_id,
        "paid_on": refund.paid_on,
        "method": refund.method,
        "account_code": refund.account_code,
        "currency": refund.currency,
        "amount": refund.amount,
        **stamps(refund),
    }
