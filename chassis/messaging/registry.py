"""What a service listens to: found once by importing the consumers and timers of its contexts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

from chassis.db import pruning, scopes
from chassis.domain import events
from chassis.domain.events import TYPE, Handler, Timer
from chassis.events import schemas
from chassis.service import Service

HOUSEKEEPING = (Timer(600, pruning.forget_answers), Timer(5, scopes.gather), Timer(pruning.EVERY, pruning.prune))
"""What every service's clock does besides its own timers."""


class Subscriptions:
    """What a service listens to. ``types``: those that the contracts know. A newer release may send verbs that they do not: whoever
    listens to all verbs of an aggregate (``bindings`` end in ``*``) is given those too."""

    def __init__(self, handlers: Iterable[Handler]) -> None:
        self._handlers = tuple(handlers)
        self.handlers = lru_cache(maxsize=1024)(self._taking)  # bounded: types come from outside
        self.bindings = sorted({type_ for handler in self._handlers for type_ in handler.types})
        self.types = tuple(type_ for type_ in sorted(schemas.types()) if type_ in self)

    def _taking(self, type_: str) -> tuple[Handler, ...]:
        """In order of declaration; none for what nobody listens to."""
        return tuple(handler for handler in self._handlers if TYPE.fullmatch(type_) and handler.takes(type_))

    def __contains__(self, type_: str) -> bool:
        return bool(self.handlers(type_))


@cache
def subscriptions(service: Service) -> Subscriptions:
    service.modules("consumers")
    return Subscriptions(events.handlers(service.package))


@cache
def timers(service: Service) -> tuple[Timer, ...]:
    service.modules("timers")
    return (*HOUSEKEEPING, *events.timers(service.package))
