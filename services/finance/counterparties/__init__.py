"""Counterparties (往来单位): makers, insurers and companies. The face of this context."""

from services.finance.counterparties.counterparty import Counterparty
from services.finance.counterparties.usecases import name_customer

__all__ = ["Counterparty", "name_customer"]
