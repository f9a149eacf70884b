"""The inventory service: parts, stock, requisitions and receipts."""

from chassis.service import Service

SERVICE = Service("inventory", "services.inventory", contexts=("parts", "stock", "requisitions", "receipts", "numbering"))
