"""On which sides a principal stands, and what moves make of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from chassis.domain.aggregate import Journal
from chassis.domain.custody import Side, sides
from chassis.domain.errors import BadTransition, DomainError, HeldElsewhere, OwnedElsewhere
from chassis.domain.machine import Machine, Move
from chassis.domain.principal import Principal

A, B, C = "/HQ/N/A/", "/HQ/N/B/", "/HQ/S/C/"
OWNER, HOLDER = frozenset({Side.OWNER}), frozenset({Side.HOLDER})


class State(StrEnum):
    OPEN = "open"
    DONE = "done"


@dataclass
class Thing:
    org_path: str = A
    held_path: str | None = None
    bound_path: str | None = None
    reader: Principal | None = None
    state: State = State.OPEN
    told: list[Journal] = field(default_factory=list)

    def sides(self, principal: Principal) -> frozenset[Side]:
        return sides(self, principal)

    def elsewhere(self, missing: frozenset[StrEnum]) -> DomainError:
        return OwnedElsewhere() if Side.OWNER in missing else HeldElsewhere()

    def journal(self, entry: Journal) -> None:
        self.told.append(entry)


def at(scope: str) -> Principal:
    return Principal.of("x", scope, ["*"])


@pytest.mark.parametrize(
    ("held", "bound", "scope", "expected"),
    [
        (None, None, A, OWNER | HOLDER), (None, None, B, frozenset()), (None, None, "/HQ/N/", OWNER | HOLDER), (None, None, "/HQ/", OWNER | HOLDER),
        (B, None, A, OWNER), (B, None, B, HOLDER), (B, None, C, frozenset()), (B, None, "/HQ/N/", OWNER | HOLDER),
        (C, None, "/HQ/N/", OWNER), (C, None, "/HQ/S/", HOLDER), (C, None, "/", OWNER | HOLDER),
        (None, B, A, OWNER), (None, B, B, frozenset()), (B, C, B, frozenset()), (B, C, C, frozenset()), (B, C, "/", OWNER),
    ],
)  # fmt: skip
def test_sides(held: str | None, bound: str | None, scope: str, expected: frozenset[Side]) -> None:
    """On the road nobody is the holder, headquarters neither."""
    assert sides(Thing(held_path=held, bound_path=bound), at(scope)) == expected


MOVES = Machine(
    "custody_of_a_thing", State, State.OPEN, {State.DONE},
    [
        Move("say", State, State, "x.thing.say"),
        Move("own", {State.OPEN}, State.DONE, "x.thing.own", by=OWNER),
        Move("do", {State.OPEN}, State.DONE, "x.thing.do", by=HOLDER),
        Move("both", {State.OPEN}, State.DONE, "x.thing.both", by=OWNER | HOLDER),
    ],
)  # fmt: skip


def test_moves_are_offered_where_they_are_made() -> None:
    thing = Thing(held_path=B)
    assert MOVES.allowed(thing, at(A)) == ["say", "own"]
    assert MOVES.allowed(thing, at(B)) == ["say", "do"]
    assert MOVES.allowed(thing, at("/HQ/")) == ["say", "own", "do", "both"]
    assert MOVES.allowed(thing) == ["say", "own", "do", "both"], "without anybody in particular"
    assert MOVES.allowed(Thing(), Principal.of("x", A, ["x.thing.do"])) == ["do"]


def test_a_move_elsewhere_is_refused_by_what_is_missing() -> None:
    for scope, action, refusal in ((A, "do", HeldElsewhere), (B, "own", OwnedElsewhere), (A, "both", HeldElsewhere), (B, "both", OwnedElsewhere)):
        thing = Thing(held_path=B, reader=at(scope))
        with pytest.raises(refusal):
            MOVES.fire(thing, action, "x")
        assert thing.state is State.OPEN and thing.told == []
    MOVES.fire(thing := Thing(held_path=B, reader=at(B)), "do", "x")
    assert thing.state is State.DONE
    with pytest.raises(BadTransition):
        MOVES.require(thing, "do")
    MOVES.fire(Thing(held_path=B), "own", "x")  # read by nobody in particular: the system's
