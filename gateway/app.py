"""The gateway as a service: who may do what, parameters, and the feed of the streams."""

from chassis.service import Service

SERVICE = Service("gateway", "gateway", contexts=("identity", "settings", "streams", "notices", "audit", "partners", "webhooks"))
