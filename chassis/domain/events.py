"""Facts that leave a service and facts that reach it: declarations and registries, no delivery.

An outgoing event is a frozen dataclass marked `@event(type)`; an incoming one is an `Event`. Handlers and timers are
plain functions marked `@on(types…)` and `@every(seconds)`; the runtime (worker or courier) calls them with a unit of work.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

TYPE = re.compile(r"aftersales\.(?P<service>[a-z]+)\.(?P<name>[a-z_]+\.[a-z_]+\.v[1-9][0-9]*)")

_EVENTS: dict[str, type] = {}
_TYPES: dict[type, str] = {}
_HANDLERS: dict[str, list["Handler"]] = {}
_TIMERS: list["Timer"] = []


@dataclass(frozen=True, slots=True)
class Event:
    """A fact as received. `subject` is the id of the aggregate it tells of, `sequence` that aggregate's version, `party_id`
    the party whose outside accounts see it beside the customer in `data` (G-10)."""

    id: UUID
    type: str
    source: str
    subject: UUID
    sequence: int
    time: datetime
    org_path: str | None
    actor: str
    traceparent: str | None
    data: Mapping[str, Any]
    party_id: UUID | None = None


class Retry(Exception):
    """Raised by a handler that cannot act yet: rolled back and tried again later, like any other exception."""


Handler = Callable[[Any, Event], None]  # with the unit of work, which the domain does not know
TimerFunction = Callable[[Any], None]
C = TypeVar("C", bound=type)
H = TypeVar("H", bound=Handler)
F = TypeVar("F", bound=TimerFunction)


@dataclass(frozen=True, slots=True)
class Timer:
    """A function that runs every so many seconds, in one process of its service at a time."""

    seconds: float
    function: TimerFunction

    @property
    def name(self) -> str:
        return f"{self.function.__module__}.{self.function.__name__}"


def parse_type(type_: str) -> tuple[str, str]:
    """`aftersales.orders.work_order.ready.v1` -> ("orders", "work_order.ready.v1"); ValueError otherwise."""
    match = TYPE.fullmatch(type_)
    if match is None:
        raise ValueError(f"not an event type: {type_!r}")
    return match["service"], match["name"]


def event(type_: str) -> Callable[[C], C]:
    """Class decorator (outermost, above `@dataclass(frozen=True)`): binds a class to its event type, once each."""
    parse_type(type_)

    def declare(cls: C) -> C:
        if not is_dataclass(cls) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise TypeError(f"{cls.__qualname__} is not a frozen dataclass")
        if type_ in _EVENTS or cls in _TYPES:
            raise ValueError(f"{type_} is declared twice")
        _EVENTS[type_] = cls
        _TYPES[cls] = type_
        return cls

    return declare


def event_type(event_: object) -> str:
    """The type an outgoing event's class was declared with; TypeError when it was not."""
    try:
        return _TYPES[type(event_)]
    except KeyError:
        raise TypeError(f"{type(event_).__qualname__} is not declared with @event") from None


def declared() -> Mapping[str, type]:
    """Every declared event class imported so far, by type."""
    return dict(_EVENTS)


def on(*types: str) -> Callable[[H], H]:
    """Marks a consumer: called once for every event of these types, in the transaction of the inbox row."""
    if not types:
        raise ValueError("@on needs at least one event type")
    for type_ in types:
        parse_type(type_)

    def register(function: H) -> H:
        for type_ in types:
            _HANDLERS.setdefault(type_, []).append(function)
        return function

    return register


def every(seconds: float) -> Callable[[F], F]:
    """Marks a timer: called in a transaction of its own every `seconds`."""
    if seconds <= 0:
        raise ValueError("a timer needs a positive interval")

    def register(function: F) -> F:
        _TIMERS.append(Timer(seconds, function))
        return function

    return register


def handlers(package: str, type_: str) -> list[Handler]:
    """Handlers of one service (by its package) for a type, in order of declaration."""
    return [handler for handler in _HANDLERS.get(type_, ()) if _belongs(handler, package)]


def consumed(package: str) -> list[str]:
    """Types that the service consumes, sorted."""
    return sorted(type_ for type_ in _HANDLERS if handlers(package, type_))


def timers(package: str) -> Iterator[Timer]:
    return (timer for timer in _TIMERS if _belongs(timer.function, package))


def _belongs(function: Callable[..., None], package: str) -> bool:
    return function.__module__.startswith(f"{package}.")
