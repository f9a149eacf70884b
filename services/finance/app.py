"""The finance service: prices of labour, bills, payments, ledger."""

from chassis.service import Service

SERVICE = Service("finance", "services.finance", contexts=("rates", "counterparties", "ledger", "billing", "receivables", "numbering"))
