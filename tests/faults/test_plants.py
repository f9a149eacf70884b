"""A campaign that cannot find bugs proves nothing: each planted one is caught by a short run aimed at it, and the same runs
without it find nothing. Part of the long run (`--long`); ``README.md`` has the list."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.faults import campaign, plants
from tests.faults.schedule import EMBEDDED, SERVERS, Fault, Strike
from tests.faults.servers import missing

ORDERS_TO_STOCK = "inbox.handling@inventory aftersales.orders.work_order.quote_approved"


@dataclass(frozen=True)
class Aim:
    """Strikes that bring a bug to light, and under which headings of the verdict it may then show."""

    strikes: tuple[Strike, ...]
    shows: frozenset[str]
    on: str = EMBEDDED
    races: bool = False


def aim(*faults: Fault | tuple[Fault, ...], shows: str, on: str = EMBEDDED, times: int = 1, races: bool = False) -> Aim:
    together = [fault if isinstance(fault, tuple) else (fault,) for fault in faults]
    # Uneven pauses: after even ones the clients, whom each restart brings into step, may always be met at the same step.
    return Aim(tuple(Strike(0.5 + 0.35 * (n % 5), each) for n, each in enumerate(together * times)), frozenset(shows.split()), on, races)


def kill(point: str) -> Fault:
    return Fault("kill at point", point)


LOST = "lost failed backlog offenders"
AIMS = {
    "acknowledge_before_commit": aim(
        kill("inbox.handling@orders"), kill("inbox.handling@finance"), kill("inbox.handling@inventory"), shows=LOST, on=SERVERS
    ),
    "mark_before_delivery": aim(kill("inbox.handling@finance"), kill("inbox.handling@inventory"), shows=LOST),
    "inbox_row_before_effects": aim(kill("inbox.handling@finance"), kill("inbox.handling@inventory"), shows=LOST),
    "inbox_row_after_effects": aim(kill("inbox.handled@orders aftersales.finance"), times=2, shows="doubled"),
    "publish_before_commit": aim(
        *[kill(f"uow.commit@{at}") for at in ("callcenter creating", "orders creating", "callcenter agent", "orders agent")],
        shows="offenders failed",
    ),
    "lose_retries": aim(Fault("raise at point", "inbox.handling@finance"), Fault("raise at point", "inbox.handling@orders"), shows=LOST),
    "unlocked_stock": aim(Fault("stop at point", ORDERS_TO_STOCK, 2.5), times=3, shows="failed offenders", races=True),
    "key_outside_transaction": aim(kill("uow.committed@callcenter agent"), kill("uow.committed@finance cashier"), times=2, shows="doubled failed"),
    "copies_ignore_order": aim(
        *[(Fault("deliver in disorder", "finance", 8.0), Fault("deliver in disorder", "inventory", 8.0))], shows="offenders failed"
    ),
    "mark_before_confirm": aim(
        kill("relay.published@orders"), Fault("cut connections", "broker"), Fault("stop broker", "", 3.0), shows=LOST, on=SERVERS
    ),
    "away_is_done": aim(Fault("close database", "inventory", 3.0), Fault("close database", "finance", 3.0), shows=LOST),
    "failed_commit_is_success": aim(
        (Fault("stop at point", "uow.commit@orders agent", 1.5), Fault("close database", "orders", 0.5)),
        (Fault("stop at point", "uow.commit@finance cashier", 1.5), Fault("close database", "finance", 0.5)),
        shows="lost failed offenders",
    ),
    "drop_undecodable": aim(Fault("publish rubbish"), shows="parked", on=SERVERS),
}


def run(name: str, plant: str) -> campaign.Summary:
    chosen = AIMS[name]
    if chosen.on == SERVERS and (why := missing()):
        pytest.skip(why)
    return campaign.run_strikes(chosen.on, chosen.strikes, plant=plant, races=chosen.races)


def test_every_plant_is_aimed_at():
    assert set(AIMS) == set(plants.PLANTS)


@pytest.mark.long
@pytest.mark.parametrize("name", AIMS)
def test_is_caught(name: str):
    summary = run(name, plant=name)
    told = "\n".join([*summary.lines(), *summary.missed])  # a bug may show before its strike: then nobody comes by any more
    assert set(summary.verdict.findings) & AIMS[name].shows, f"nobody noticed:\n{told}"


@pytest.mark.long
@pytest.mark.parametrize("name", AIMS)
def test_is_not_imagined(name: str):
    """The same run without the bug."""
    summary = run(name, plant="")
    assert summary.good, "\n".join(summary.lines())
