"""Transition tables: legal moves as data beside the state; an illegal move always raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Protocol, TypedDict, Unpack

from chassis.domain.aggregate import Journal
from chassis.domain.errors import BadTransition
from chassis.domain.principal import Principal


class Stateful(Protocol):
    """Where moves say ``by``, it also has ``sides(principal)``, ``reader``, who moves it (None: nobody in particular), and ``elsewhere(missing)``,
    the refusal for who stands on none of these sides (``Held`` in chassis/db/base.py)."""

    state: Any

    def journal(self, entry: Journal) -> None: ...


class Details(TypedDict, total=False):
    """Of one move: where it ends, where the table names several targets; why; and ``data``, JSON of the action's own, journalled."""

    to: StrEnum | None
    why: str | None
    data: dict[str, Any] | None


class Move:
    """One action: its verb, the states it may start from, where it may end (several when a fact decides), the right it
    needs (None: only the system moves it), a condition on the aggregate beyond its state, and the sides that whoever makes it
    must stand on (chassis/domain/custody.py)."""

    def __init__(
        self,
        action: str,
        sources: Iterable[Any],
        target: Any | Iterable[Any],
        permission: str | None = None,
        when: Callable[[Any], bool] | None = None,
        by: Iterable[StrEnum] = (),
    ) -> None:
        self.action, self.permission, self.when, self.by = action, permission, when, frozenset(by)
        self.sources = frozenset(sources)
        self.targets = frozenset([target]) if isinstance(target, StrEnum) else frozenset(target)

    def open_for(self, aggregate: Stateful) -> bool:
        return aggregate.state in self.sources and (self.when is None or self.when(aggregate))


class Machine:
    """The transition table of one aggregate."""

    registry: dict[str, Machine] = {}

    def __init__(
        self, name: str, states: type[StrEnum], initial: StrEnum, final: Iterable[StrEnum], moves: Iterable[Move]
    ) -> None:
        self.name, self.states, self.initial = name, states, initial
        self.final = frozenset(final)
        self.moves = {move.action: move for move in moves}
        self._offered = {state: [m for m in self.moves.values() if m.permission and state in m.sources] for state in states}
        self._sided = any(move.by for move in self.moves.values())
        Machine.registry[name] = self

    def allowed(self, aggregate: Any, principal: Principal | None = None) -> list[str]:
        """Actions open now, in table order; with a principal only those it has the right for and stands where they are made (system
        moves never)."""
        offered = [move for move in self._offered[aggregate.state] if move.when is None or move.when(aggregate)]
        if principal is not None:
            sides = aggregate.sides(principal) if self._sided else frozenset()
            offered = [move for move in offered if principal.may(move.permission or "") and move.by <= sides]
        return [move.action for move in offered]

    def require(self, aggregate: Any, action: str) -> Move:
        """Raise BadTransition unless ``action`` is open, and what the aggregate says where it is another site's. Guards are checked
        after this, the move is made by ``fire``."""
        move = self.moves.get(action)
        if move is None or not move.open_for(aggregate):
            raise BadTransition(str(aggregate.state), self.allowed(aggregate), action)
        if move.by and aggregate.reader is not None and (missing := move.by - aggregate.sides(aggregate.reader)):
            raise aggregate.elsewhere(missing)
        return move

    def fire(self, aggregate: Stateful, action: str, by: str, **details: Unpack[Details]) -> None:
        """Make the move and journal it (who, from, to, why)."""
        self.require(aggregate, action)
        self.land(aggregate, action, by, **details)

    def land(self, aggregate: Stateful, action: str, by: str, **details: Unpack[Details]) -> None:
        """The end of a move that was required before it changed what its condition asks about."""
        move, to = self.moves[action], details.get("to")
        target = to if to is not None else next(iter(move.targets))
        if target not in move.targets or (to is None and len(move.targets) > 1):
            raise ValueError(f"{self.name}.{action}: {target} is not one target of the table")
        before = aggregate.state
        aggregate.state = target
        aggregate.journal(Journal(action, by, str(before), str(target), details.get("why"), details.get("data")))
