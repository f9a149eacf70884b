"""What a service listens to: found once by importing the consumers and timers of its contexts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from chassis.db import pruning, scopes
from chassis.domain import events
from chassis.domain.events import TYPE, Handler, Timer
from chassis.events import schemas
from chassis.service import Service

HOUSEKEEPING = (Timer(600, pruning.forget_answers), Timer(5, scopes.gather), Timer(pruning.EVERY, pruning.prune))
"""What every service's clock does besides its own timers."""


class Subscriptions(Mapping[str, tuple[Handler, ...]]):
    """What a service listens to. As a mapping: handlers by the types that the contracts know. A newer release may send verbs
    that they do not: whoever listens to all verbs of an aggregate (``bindings`` end in ``*``) is given those too."""

    def __init__(self, handlers: Iterable[Handler]) -> None:
        self._handlers = tuple(handlers)
        self.bindings = sorted({type_ for handler in self._handlers for type_ in handler.types})
        self._known = {type_: found for type_ in sorted(schemas.types()) if (found := self._taking(type_))}

    def handlers(self, type_: str) -> tuple[Handler, ...]:
        """In order of declaration; none for what nobody listens to."""
        return self._known.get(type_) or (self._taking(type_) if TYPE.fullmatch(type_) else ())

    def _taking(self, type_: str) -> tuple[Handler, ...]:
        return tuple(handler for handler in self._handlers if handler.takes(type_))

    def __contains__(self, type_: object) -> bool:
        return type_ in self._known or bool(self.handlers(str(type_)))

    def __getitem__(self, type_: str) -> tuple[Handler, ...]:
        return self._known[type_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@cache
def subscriptions(service: Service) -> Subscriptions:
    service.modules("consumers")
    return Subscriptions(events.handlers(service.package))


@cache
def timers(service: Service) -> tuple[Timer, ...]:
    service.modules("timers")
    return (*HOUSEKEEPING, *events.timers(service.package))
