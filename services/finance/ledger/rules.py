"""Which accounts a document moves. Debits above zero, credits below."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from chassis.domain.money import ZERO
from services.finance.ledger.account import Code
from services.finance.ledger.posting import balanced

REVENUE = {"labour": Code.REVENUE_LABOUR, "part": Code.REVENUE_PARTS}
MONEY_ACCOUNT = {
    "cash": Code.CASH,
    "bank": Code.BANK,
    "card": Code.CARD_CLEARING,
    "online": Code.ONLINE_CLEARING,
}


class BilledLine(Protocol):
    """What the ledger needs of a bill's line."""

    @property
    def kind(self) -> str: ...
    @property
    def net(self) -> Decimal: ...
    @property
    def tax(self) -> Decimal: ...
    @property
    def customer_amount(self) -> Decimal: ...
    @property
    def maker_amount(self) -> Decimal: ...


def bill_entries(lines: Iterable[BilledLine]) -> dict[Code, Decimal]:
    """Customers and makers each owe their part, in accounts of their own; revenue by kind of line; tax is owed to the state."""
    amounts = dict.fromkeys(Code, ZERO)
    for line in lines:
        amounts[Code.RECEIVABLE_CUSTOMERS] += line.customer_amount
        amounts[Code.RECEIVABLE_MAKERS] += line.maker_amount
        amounts[REVENUE[str(line.kind)]] -= line.net
        amounts[Code.OUTPUT_TAX] -= line.tax
    return balanced(amounts)


def payment_entries(method: str, amount: Decimal) -> dict[Code, Decimal]:
    """The method's account receives what the customer no longer owes (F-22)."""
    return balanced({MONEY_ACCOUNT[method]: amount, Code.RECEIVABLE_CUSTOMERS: -amount})


def reversal_entries(lines: Iterable[BilledLine]) -> dict[Code, Decimal]:
    """A paid bill the other way round, except that the customer's payment stays ours: we owe it to him."""
    amounts = {account: -amount for account, amount in bill_entries(lines).items()}
    amounts[Code.CUSTOMER_CREDITS] = amounts.pop(Code.RECEIVABLE_CUSTOMERS, ZERO)
    return balanced(amounts)


def credit_entries(amount: Decimal) -> dict[Code, Decimal]:
    """Credit pays a bill."""
    return balanced({Code.CUSTOMER_CREDITS: amount, Code.RECEIVABLE_CUSTOMERS: -amount})


def refund_entries(method: str, amount: Decimal) -> dict[Code, Decimal]:
    """Credit is paid back."""
    return balanced({Code.CUSTOMER_CREDITS: amount, MONEY_ACCOUNT[method]: -amount})
