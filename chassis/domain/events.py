"""Facts that leave a service and facts that reach it: declarations and registries, no delivery.

What leaves is an aggregate's state (``published = Published(…)`` in its class) with the verb of what happened; what arrives is an
``Event``. Handlers and timers are plain functions marked ``@on(types…)`` and ``@every(seconds)``; the runtime (worker or
courier) calls them with a unit of work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

TYPE = re.compile(r"aftersales\.(?P<service>[a-z]+)\.(?P<subject>[a-z_]+)\.(?P<verb>[a-z_]+|\*)\.(?P<version>v[1-9][0-9]*)")
STATE = re.compile(r"aftersales\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*")
ANY_VERB = "*"

_PUBLISHED: dict[str, Published] = {}
_HANDLERS: list[Handler] = []
_TIMERS: list[Timer] = []


@dataclass(frozen=True, slots=True)
class Type:
    """An event type in its parts. ``state`` is what all verbs of an aggregate share: `aftersales.orders.site.v1`."""

    service: str
    subject: str
    verb: str
    version: str

    @property
    def state(self) -> str:
        return f"aftersales.{self.service}.{self.subject}.{self.version}"


def parse_type(type_: str) -> Type:
    """`aftersales.orders.work_order.ready.v1` in its parts; ValueError for anything else. The verb may be `*`."""
    match = TYPE.fullmatch(type_)
    if match is None:
        raise ValueError(f"not an event type: {type_!r}")
    return Type(**match.groupdict())


def type_of(state: str, verb: str) -> str:
    """`aftersales.orders.work_order.v1`, `ready` -> `aftersales.orders.work_order.ready.v1`."""
    subject, _, version = state.rpartition(".")
    return f"{subject}.{verb}.{version}"


# ---------------------------------------------------------------- going out


class Published:
    """What an aggregate publishes: with every event its whole state, and nothing that is not named here (default no).

    ``members`` are attributes published under their own name; of the others, each ``name=`` gives the attribute's name or a
    function of the aggregate. ``only`` tells which aggregates are published at all. The contract has the schema and the verbs
    (`contracts/<service>/events/<subject>.v1.json`).
    """

    def __init__(
        self,
        type_: str,
        *members: str,
        only: Callable[[Any], bool] = lambda aggregate: True,
        **others: str | Callable[[Any], Any],
    ) -> None:
        if STATE.fullmatch(type_) is None:
            raise ValueError(f"not the type of a state: {type_!r}")
        if type_ in _PUBLISHED:
            raise ValueError(f"{type_} is declared twice")
        _PUBLISHED[type_] = self
        self.type, self.only = type_, only
        self._members: dict[str, Callable[[Any], Any]] = {name: attrgetter(name) for name in members}
        self._members |= {
            name: attrgetter(how) if isinstance(how, str) else how for name, how in others.items()
        }

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(self._members)

    def of(self, aggregate: object) -> dict[str, Any]:
        """The state as it is now."""
        return {name: read(aggregate) for name, read in self._members.items()}


def declared() -> Mapping[str, Published]:
    """Every state declared so far, by its type."""
    return dict(_PUBLISHED)


# ---------------------------------------------------------------- coming in


@dataclass(frozen=True, slots=True)
class Event:
    """A fact. `subject` is the id of the aggregate it tells of, `sequence` that aggregate's version, `party_id` the party whose
    outside accounts see it beside the customer in `data` (G-10). `org_path` is whose it is, `held_path` who has the thing it is about
    and `bound_path` who shall receive it, where those are others. Received, `data` are the members that its reader declared, as
    far as the event has them."""

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
    held_path: str | None = None
    bound_path: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Who sees it: the owner, the holder, the addressee."""
        return tuple(path for path in (self.org_path, self.held_path, self.bound_path) if path is not None)

    @property
    def verb(self) -> str:
        return parse_type(self.type).verb


class Retry(Exception):
    """Raised by a handler that cannot act yet: rolled back and tried again later, like any other exception."""


HandlerFunction = Callable[[Any, Event], None]  # with the unit of work, which the domain does not know
TimerFunction = Callable[[Any], None]
H = TypeVar("H", bound=HandlerFunction)
F = TypeVar("F", bound=TimerFunction)

WHOLE: tuple[str, ...] = ()
"""For ``reads``: whatever the event has, to be passed on as it is."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A consumer's function, the types it is called for (``aftersales.orders.site.*.v1``: every verb, also one that is added
    later), the members it reads, and whether it locks rows that others may wait for."""

    function: HandlerFunction
    types: tuple[str, ...]
    reads: tuple[str, ...]
    locks: bool

    def takes(self, type_: str) -> bool:
        kind = parse_type(type_)
        return type_ in self.types or type_of(kind.state, ANY_VERB) in self.types


@dataclass(frozen=True, slots=True)
class Timer:
    """A function that runs every so many seconds, in one process of its service at a time."""

    seconds: float
    function: TimerFunction

    @property
    def name(self) -> str:
        return f"{self.function.__module__}.{self.function.__name__}"


def on(*types: str, reads: tuple[str, ...], locks: bool = False) -> Callable[[H], H]:
    """Marks a consumer: called once for every event of these types, in the transaction of the inbox row.

    ``reads`` are the members it is given; only those are checked against the contract, so that others may come and go, and a
    value added to an open set reaches it. ``locks``: it locks, changes or numbers rows that others may wait for, so its events
    are handled one transaction each.
    """
    if not types:
        raise ValueError("@on needs at least one event type")
    for type_ in types:
        parse_type(type_)

    def register(function: H) -> H:
        _HANDLERS.append(Handler(function, types, reads, locks))
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


def handlers(package: str) -> Iterator[Handler]:
    """Handlers of one service (by its package), in order of declaration."""
    return (handler for handler in _HANDLERS if _belongs(handler.function, package))


def timers(package: str) -> Iterator[Timer]:
    return (timer for timer in _TIMERS if _belongs(timer.function, package))


def _belongs(function: Callable[..., None], package: str) -> bool:
    return function.__module__.startswith(f"{package}.")
