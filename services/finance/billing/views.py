"""Bills and payments as the API shows them."""

from collections.abc import Sequence
from typing import Any

from chassis.domain.principal import Principal
from chassis.http.views import number, stamps
from services.finance.billing.bill import MACHINE, Bill
from services.finance.billing.bill_line import BillLine
from services.finance.billing.credit import Credit
from services.finance.billing.payment import Payment
from services.finance.billing.refund import Refund
from services.finance.billing.reversal import Reversal


def bill(bill: Bill, lines: Sequence[BillLine], principal: Principal) -> dict[str, Any]:
    return {
        "id": bill.id,
        "number": bill.number,
        "state": bill.state,
        "work_order_id": bill.work_order_id,
        "work_order_number": bill.work_order_number,
        "round": bill.round,
        "site_id": bill.site_id,
        "customer_id": bill.customer_id,
        "issued_on": bill.issued_on,
        "currency": bill.currency,
        "lines": [line(each) for each in lines],
        "net_total": bill.net_total,
        "tax_total": bill.tax_total,
        "total": bill.total,
        "customer_total": bill.customer_total,
        "maker_total": bill.maker_total,
        "open_amount": bill.open_amount,
        "allowed_actions": MACHINE.allowed(bill, principal),
        **stamps(bill),
    }


def line(line: BillLine) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "ref": line.ref,
        "description": line.description,
        "quantity": number(line.quantity),
        **({} if line.minutes is None else {"minutes": line.minutes}),
        "unit_price": line.unit_price,
        "net": line.net,
        "tax": line.tax,
        "total": line.total,
        "customer_amount": line.customer_amount,
        "maker_amount": line.maker_amount,
    }


def payment(payment: Payment, bill: Bill) -> dict[str, Any]:
    """With what the bill looks like now."""
    return {
        "id": payment.id,
        "number": payment.number,
        "bill_id": payment.bill_id,
        "work_order_id": payment.work_order_id,
        "received_on": payment.received_on,
        "method": payment.method,
        "currency": payment.currency,
        "amount": payment.amount,
        "bill": {"id": bill.id, "number": bill.number, "state": bill.state, "open_amount": bill.open_amount},
        **stamps(payment),
    }


def reversal(reversal: Reversal) -> dict[str, Any]:
    return {
        "id": reversal.id,
        "number": reversal.number,
        "bill_id": reversal.bill_id,
        "work_order_id": reversal.work_order_id,
        "reversed_on": reversal.reversed_on,
        "reason": reversal.reason,
        "requested_by": reversal.requested_by,
        "currency": reversal.currency,
        "credited": reversal.credited,
        "maker_total": reversal.maker_total,
        **stamps(reversal),
    }


def credit(credit: Credit, principal: Principal) -> dict[str, Any]:
    return {
        "id": credit.id,
        "work_order_id": credit.work_order_id,
        "work_order_number": credit.work_order_number,
        "site_id": credit.site_id,
        "customer_id": credit.customer_id,
        "currency": credit.currency,
        "balance": credit.balance,
        "allowed_actions": ["refunds"] if credit.balance > 0 and principal.may("finance.refund.create") else [],
        **stamps(credit),
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
        "currency": refund.currency,
        "amount": refund.amount,
        **stamps(refund),
    }
