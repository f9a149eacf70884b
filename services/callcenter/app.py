"""The callcenter service: customers, their privacy, revisits."""

from chassis.service import Service

SERVICE = Service("callcenter", "services.callcenter", contexts=("customers", "privacy", "revisits", "parameters"))
