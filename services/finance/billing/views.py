"""Bills and reversals as the API shows them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from chassis.domain.money import ZERO, rate_number
from chassis.domain.principal import Principal
from chassis.http.views import number, stamps
from services.finance.billing.bill import MACHINE, Bill
from services.finance.billing.bill_line import BillLine
from services.finance.billing.reversal import Reversal
from services.finance.ledger import OpenItem


def bill(bill: Bill, lines: Sequence[BillLine], owed: Sequence[OpenItem], principal: Principal) -> dict[str, Any]:
    """``owed``: its open items."""
    open_items = {(item.payer, item.party_id): item for item in owed}
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
        "shares": [share(payer, party, amount, open_items.get((payer, party))) for (payer, party), amount in bill.shares(lines).items()],
        "audited": bill.audited,
        "allowed_actions": MACHINE.allowed(bill, principal),
        **stamps(bill),
    }


def share(payer: str, party_id: UUID | None, amount: Decimal, item: OpenItem | None) -> dict[str, Any]:
    """What one payer pays of the whole bill; without an open item nobody is asked for it."""
    return {
        "payer": payer,
        "party_id": party_id,
        "amount": amount,
        "open_amount": item.open_amount if item else ZERO,
        "open_item_id": item and item.id,
        "due_on": item and item.due_on,
    }


def line(line: BillLine) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "ref": line.ref,
        "description": line.description,
        "quantity": number(line.quantity),
        **({} if line.minutes is None else {"minutes": line.minutes}),
        "unit_price": line.unit_price,
        "steps": line.steps,
        "net": line.net,
        **({} if line.tax_rate is None else {"tax_rate": rate_number(line.tax_rate)}),
        "tax": line.tax,
        "total": line.total,
        "customer_amount": line.paid_by("customer"),
        "maker_amount": line.paid_by("maker"),
        "shares": line.shares,
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
