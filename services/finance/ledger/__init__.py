"""Double-entry ledger (总账) with its open items: the face of this context. Documents are posted here in their own transaction."""

from services.finance.ledger.account import Account
from services.finance.ledger.chart import METHODS, OUTPUT_TAX, PAYERS, REVENUE
from services.finance.ledger.errors import OverAllocated
from services.finance.ledger.open_item import Allocation, OpenItem, Side
from services.finance.ledger.posting import Document
from services.finance.ledger.queries import balances_of
from services.finance.ledger.usecases import money_account
from services.finance.ledger.voucher import Voucher, use

__all__ = ["METHODS", "OUTPUT_TAX", "PAYERS", "REVENUE", "Account", "Allocation", "Document", "OpenItem", "OverAllocated", "Side", "Voucher", "balances_of", "money_account", "use"]
