"""The orders service: composition root."""

from chassis.service import Service

SERVICE = Service("orders", "services.orders", contexts=("masters", "devices", "repairs", "routes", "attachments", "erasures", "reveals", "numbering"))
