from chassis.service import Service

SERVICE = Service("mill", "tests.integration.messaging.mill", contexts=("work",))
