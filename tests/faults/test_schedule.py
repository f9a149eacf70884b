"""A seed decides what is broken, when and how long, before anything runs."""

import pytest

from chassis.ops import failpoints
from tests.faults import schedule
from tests.faults.faults import Faults
from tests.faults.schedule import generate, kinds
from tests.faults.servers import ServerFaults

MODES = (schedule.EMBEDDED, schedule.SERVERS)
ALL = ("disk", "clock")


@pytest.mark.parametrize("on", MODES)
def test_the_same_seed_breaks_the_same_things(on: str):
    assert generate(7, on, 600.0, ALL) == generate(7, on, 600.0, ALL)
    assert generate(7, on, 600.0, ALL) != generate(8, on, 600.0, ALL)


@pytest.mark.parametrize("on", MODES)
def test_an_hour_holds_three_hundred_faults_of_every_kind_single_and_in_pairs(on: str):
    strikes = generate(1, on, 3600.0, ALL)
    done = {fault.kind for strike in strikes for fault in strike.faults}
    assert done == set(kinds(on))
    assert sum(len(strike.faults) for strike in strikes) >= 300
    assert {len(strike.faults) for strike in strikes} == {1, 2}
    for name, kind in kinds(on).items():
        targets = {fault.target for strike in strikes for fault in strike.faults if fault.kind == name}
        assert targets <= set(kind.targets)
    killed = {fault.target for strike in strikes for fault in strike.faults if fault.kind == "kill process"}
    assert killed == set(schedule.processes(on)), "every process"
    away = [fault.seconds for strike in strikes for fault in strike.faults if fault.kind in ("stop broker", "stop deliveries")]
    assert max(away) > 30, "minutes without a broker"


@pytest.mark.parametrize("on", MODES)
def test_a_kind_comes_again_only_after_every_other(on: str):
    strikes = generate(3, on, 3600.0, ALL)
    first: list[str] = []
    for fault in (fault for strike in strikes for fault in strike.faults):
        if fault.kind in first:
            break
        first.append(fault.kind)
    assert len(first) >= len(kinds(on)) - 4, "a card that cannot be paired is laid aside"


@pytest.mark.parametrize("on", MODES)
def test_what_cannot_be_healed_together_is_not_broken_together(on: str):
    for strike in generate(5, on, 3600.0, ALL):
        if any(kinds(on)[fault.kind].alone for fault in strike.faults):
            assert len(strike.faults) == 1


def test_what_the_machine_lacks_is_left_out():
    assert {"fill disk", "jump clock"}.isdisjoint(f.kind for s in generate(1, "embedded", 3600.0) for f in s.faults)


def test_every_kind_and_point_exists():
    for on, faults in zip(MODES, (Faults, ServerFaults), strict=True):
        for name in kinds(on):
            assert hasattr(faults, f"_{name.replace(' ', '_')}"), name
        assert set(schedule.points(on)) <= set(failpoints.POINTS)
