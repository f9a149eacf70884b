"""The short campaign: most of a minute of faults on each way to run. `./aftersales bench faults` is the long one."""

import time

import pytest

from tests.faults import campaign, schedule
from tests.faults.servers import missing


@pytest.mark.slow
@pytest.mark.modes("servers")
def test_nothing_is_lost_and_nothing_done_twice(mode: str, many: bool):
    if mode == schedule.SERVERS and (why := missing()):
        pytest.skip(why)
    terms = campaign.Terms(clients=4 if many else 3)
    seed = int(time.time()) if many else 2026  # every day the same, so that who changed nothing breaks nothing
    summary = campaign.run(mode, seed=seed, seconds=300.0 if many else 40.0, terms=terms)
    told = "\n".join(summary.lines())
    print(told)
    assert summary.good, told
    assert summary.cases > 0, told
    assert summary.faults.total() >= max(3, 2 * len(summary.missed)), told  # on a slow machine some come too late
