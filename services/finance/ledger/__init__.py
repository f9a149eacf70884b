"""Double-entry ledger (总账): the face of this context. Documents are posted here in their own transaction."""

from services.finance.ledger.account import Account
from services.finance.ledger.usecases import post_bill, post_credit, post_payment, post_refund, post_reversal

__all__ = ["Account", "post_bill", "post_credit", "post_payment", "post_refund", "post_reversal"]
