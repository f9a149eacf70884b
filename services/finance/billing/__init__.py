"""Bills (结算单): the face of this context."""

from services.finance.billing.bill import Bill, State
from services.finance.billing.copies import site_of
from services.finance.billing.reversal import Reversal

__all__ = ["Bill", "Reversal", "State", "site_of"]
