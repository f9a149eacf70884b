"""Rules arrive from the gateway."""

from chassis.db.numbering import take_rule
from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on


@on("aftersales.gateway.parameter.*.v1", reads=("key", "value"), locks=True)
def parameter_changed(uow: UnitOfWork, event: Event) -> None:
    take_rule(uow, event)
