"""What a service listens to: found once by importing the consumers and timers of its contexts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from chassis.db import pruning, scopes
from chassis.domain import events
from chassis.domain.events import Handler, Timer
from chassis.service import Service

HOUSEKEEPING = (Timer(600, pruning.forget_answers), Timer(5, scopes.gather), Timer(pruning.EVERY, pruning.prune))
"""What every service's clock does besides its own timers."""


@cache
def subscriptions(service: Service) -> Mapping[str, tuple[Handler, ...]]:
    """Handlers of a service by event type, in order of declaration."""
    service.modules("consumers")
    return {
        type_: tuple(events.handlers(service.package, type_)) for type_ in events.consumed(service.package)
    }


@cache
def timers(service: Service) -> tuple[Timer, ...]:
    service.modules("timers")
    return (*HOUSEKEEPING, *events.timers(service.package))
