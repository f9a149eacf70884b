"""Events published about bills and payments."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from chassis.domain.events import event


@event("aftersales.finance.bill.issued.v1")
@dataclass(frozen=True, slots=True)
class BillIssued:
    work_order_id: UUID
    number: str
    round: int
    state: str
    customer_total: Decimal
    maker_total: Decimal
    open_amount: Decimal


@event("aftersales.finance.bill.changed.v1")
@dataclass(frozen=True, slots=True)
class BillChanged:
    work_order_id: UUID
    number: str
    round: int
    state: str
    customer_total: Decimal
    maker_total: Decimal
    open_amount: Decimal


@event("aftersales.finance.bill.reversed.v1")
@dataclass(frozen=True, slots=True)
class BillReversed:
    work_order_id: UUID
    number: str
    round: int
    state: str
    customer_total: Decimal
    maker_total: Decimal
    open_amount: Decimal
    reversal_number: str
    credited: Decimal


@event("aftersales.finance.refund.paid.v1")
@dataclass(frozen=True, slots=True)
class RefundPaid:
    work_order_id: UUID
    number: str
    amount: Decimal
    method: str
    credit_left: Decimal


@event("aftersales.finance.payment.received.v1")
@dataclass(frozen=True, slots=True)
class PaymentReceived:
    bill_id: UUID
    work_order_id: UUID
    number: str
    amount: Decimal
    method: str
    open_amount: Decimal
