"""A share of what Schemathesis makes of the published contracts; all of it under `bench fuzz`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis.contracts import Operation
from tests.security.fuzz.schemathesis_run import LEFT_OUT, Prober
from tests.security.matrix.cells import key_of
from tests.security.matrix.world import World
from tests.support.contracts import operations

pytestmark = pytest.mark.slow

SHARE, LONG = (1, 2), (10, 40)
"""Examples and cells of coverage of each operation."""
TARGETS = [operation for operation in operations() if key_of(operation) not in LEFT_OUT]


@pytest.fixture(scope="module")
def prober(world: World, told: list[str], many: bool) -> Iterator[Prober]:
    prober = Prober(world, *(LONG if many else SHARE))
    yield prober
    ways = ", ".join(f"{count} {how}" for how, count in sorted(prober.sent.items()))
    told.append(f"Schemathesis: {prober.tally.line(len(TARGETS))}: {ways}")


@pytest.mark.parametrize("operation", TARGETS, ids=key_of)
def test_by_its_contract_alone(prober: Prober, operation: Operation):
    prober.probe(prober.operations[key_of(operation)])


def test_every_operation_is_published(prober: Prober):
    assert set(prober.operations) == {key_of(operation) for operation in TARGETS}


def test_our_session_lasted_to_the_end(prober: Prober):
    """Whoever is refused as a stranger tests the door only."""
    refused = prober.tally.statuses[401] + prober.tally.statuses[423]
    assert refused <= prober.tally.requests / 100, prober.tally.line(len(TARGETS))
