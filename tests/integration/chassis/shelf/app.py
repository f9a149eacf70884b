from chassis.service import Service

SERVICE = Service("shelf", "tests.integration.chassis.shelf", contexts=("books",))
