from chassis.service import Service

SERVICE = Service("shop", "tests.integration.messaging.shop", contexts=("trade",))
