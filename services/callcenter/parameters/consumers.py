"""Parameters arrive from the gateway."""

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.callcenter.parameters.parameter import DEFAULTS, Parameter


@on("aftersales.gateway.parameter.*.v1", reads=("key", "value"))
def parameter_changed(uow: UnitOfWork, event: Event) -> None:
    """Keep what this service uses; the others are none of its business."""
    key = event.data["key"]
    if key in DEFAULTS:
        uow.copy(Parameter, event, key=key, value=event.data["value"])
