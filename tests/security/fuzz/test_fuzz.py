"""Every operation under fire, a share of examples: no 5xx, no undeclared status, no invalid body accepted, nothing done without
the right. All of them under `bench fuzz`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis.contracts import Operation
from tests.security.fuzz.fuzzing import UNHEARD, Fuzzer
from tests.security.fuzz.schemas import fits
from tests.security.matrix.cells import key_of
from tests.security.matrix.world import World
from tests.support.contracts import operations

pytestmark = pytest.mark.slow

SHARE, LONG = 4, 100
TARGETS = [operation for operation in operations() if key_of(operation) not in UNHEARD]


@pytest.fixture(scope="module")
def fuzzer(world: World, many: bool, told: list[str]) -> Iterator[Fuzzer]:
    fuzzer = Fuzzer(world, LONG if many else SHARE)
    yield fuzzer
    told.append(fuzzer.tally.line(len(TARGETS)))


@pytest.mark.parametrize("operation", TARGETS, ids=key_of)
def test_under_fire(fuzzer: Fuzzer, operation: Operation):
    fuzzer.fuzz(operation)


def test_enough_got_through(fuzzer: Fuzzer):
    """Fuzzing that is refused at the door tests the door only."""
    if fuzzer.tally.requests > 500:
        assert fuzzer.tally.accepted > fuzzer.tally.requests * 0.1, fuzzer.tally.line(len(TARGETS))


def test_the_judge_is_not_the_accused():
    schema = {"type": "object", "additionalProperties": False, "required": ["a"], "properties": {
        "a": {"type": "string", "minLength": 1, "pattern": r"^[^\s/\p{Cc}]+$"}}}
    assert fits(schema, {"a": "x"})
    for value in ({}, {"a": ""}, {"a": 1}, {"a": "x", "b": 1}, {"a": "a/b"}, {"a": "a\0"}, []):
        assert not fits(schema, value), value
