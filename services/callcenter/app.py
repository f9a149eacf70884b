"""The callcenter service: customers, their privacy, revisits and follow-ups."""

from chassis.service import Service

SERVICE = Service("callcenter", "services.callcenter", contexts=("customers", "privacy", "follow_ups", "revisits", "parameters"))
