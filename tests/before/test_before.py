"""Data of the versions before open with this one: everything is readable and says the same, the figures stand, and work goes on
from wherever it stood."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.before import make
from tests.before.answers import differences
from tests.before.figures import figures
from tests.before.opened import Kept, Opened, opened as opened_by
from tests.conftest import servers_for
from tests.scenarios.test_import_ords import REAL
from tests.scenarios.test_load import assert_sound
from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import ROLES, Site
from tests.support.receiver import Receiver, verified

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
VERSIONS = [Kept(path.parent) for path in sorted(HERE.glob("*/story.json"))]
WAYS = ("folder", "embedded"), ("backup", "embedded"), ("backup", "servers")
SHOWN = 20
CLIENTS = 3
ENDED = ("audited", "cancelled")


def ways(kept: Kept) -> Iterator[Any]:
    for way, mode in WAYS:
        marks = [pytest.mark.long] if mode == "servers" else []
        yield pytest.param((kept, way, mode), id=f"{kept.place.name}-{way}-{mode}", marks=marks)


@pytest.fixture(scope="module", params=[way for kept in VERSIONS for way in ways(kept)])
def before(request: pytest.FixtureRequest) -> Iterator[Opened]:
    kept, way, mode = request.param
    with opened_by(kept, way, servers_for(mode)) as found:
        yield found


def test_there_are_data_of_a_version_before():
    assert VERSIONS


def test_everybody_is_told_the_same(before: Opened):
    for username, answers in before.kept.answers.items():
        told = list(differences(answers, before.answers[username]))
        assert not told, f"{username}, {len(told)} differences:\n" + "\n".join(told[:SHOWN])


def test_the_figures_stand(before: Opened):
    now, then = figures(before.answers["admin"]), before.kept.figures
    # A later version may have accounts that nothing was posted to.
    now["ledger"]["balances"] = {code: held for code, held in now["ledger"]["balances"].items() if code in then["ledger"]["balances"] or held != "0.00"}
    assert now == then


def test_nothing_offends(before: Opened):
    assert_sound(before.suite)


def test_secrets_are_known_still(before: Opened):
    """A webhook's, which only its signatures show, a partner's, and that of a device to sign in on."""
    admin, story = before.client("admin"), before.kept.story
    receiver = Receiver()
    try:
        path = f"/webhooks/{story['webhook']['id']}"
        assert admin.call("PATCH", path, {"url": receiver.url}).ok
        assert admin.call("POST", f"{path}/ping", {}).ok
        eventually(lambda: receiver.received, "a ping", 30)
        for got in receiver.received:
            assert verified(story["webhook"]["secret"], got.headers, got.body)
    finally:
        receiver.close()
    answer = Client(before.suite.base).call("POST", "/auth/client-token", {"grant_type": "client_credentials", **story["partner"]})
    partner = Client(before.suite.base, token=answer.json["access_token"])
    assert partner.get("/work-orders", limit=1)["items"]
    assert Client(before.suite.base).call("POST", "/auth/token", story["device"]).ok


def test_work_goes_on(before: Opened):
    """Every unfinished case of the story comes to its end, whatever it stood at, and a repair taken over that nobody had begun;
    everything agrees then too."""
    company, story = before.company(), before.kept.story
    stood = {order["id"]: order for order in before.answers["admin"]["/work-orders?limit=200"]["items"]}
    short = {item["part_id"]: 50.0 for item in company.admin.pages("/shortages")}
    for site in company.sites:
        company.receive(site, {**{part["id"]: 50.0 for part in company.parts}, **short}.items())
    elsewhere = next(order for order in stood.values() if order["origin"] == "history" and order["state"] == "registered")
    company.sites.append(Site(company, "", "", {role: company.admin for role in ROLES}, id=elsewhere["site_id"]))
    unfinished = [stood[one] for one in story["cases"].values() if stood[one]["state"] not in ENDED]
    passed = {(order["state"], order["waiting_for"]) for order in unfinished}
    assert {state for state, _ in passed} == {"registered", "in_repair", "in_check", "ready", "completed", "revisited"}
    assert {wait for state, wait in passed if state == "in_repair"} == {None, "approval", "parts", "customer"}

    def carried_on(order: dict[str, Any]) -> tuple[str, str]:
        site = next(site for site in company.sites if site.id == order["site_id"])
        case = Case(company, site, quantities=None if order["origin"] == "live" else (), patience=30.0)
        case.order = order
        return order["number"], str(case.finish().order["state"])

    with ThreadPoolExecutor(CLIENTS) as pool:
        ends = dict(pool.map(carried_on, [*unfinished, elsewhere]))
    assert {number: state for number, state in ends.items() if state != "audited"} == {}
    assert_sound(before.suite)


# -- the net itself ----------------------------------------------------------------------------------------------------
BILL = {"id": "1", "total": "214.81", "lines": [{"net": "190.10"}], "allowed_actions": ["payments"], "gates": []}


def changed(**members: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BILL), **members}


@pytest.mark.parametrize(("now", "told"), [
    ([changed()], False), ([changed(due_on="2027-01-01", gates=["x"], allowed_actions=["payments", "reverse"])], False),
    ([changed(lines=[{"net": "190.10", "id": "7"}])], False),
    ([], True), ([changed(), changed(id="2")], True), ([changed(total="214.80")], True), ([changed(allowed_actions=[])], True),
    ([changed(total=214.81)], True), ([changed(lines=[])], True), ([changed(lines=[{"tax": "24.71"}])], True),
    ([changed(lines=[{"net": "190.10"}, {"net": "0.00"}])], True),
])  # fmt: skip
def test_what_counts_as_a_difference(now: list[dict[str, Any]], told: bool):
    assert bool(list(differences({"/bills": {"items": [BILL]}}, {"/bills": {"items": now}}))) is told


def test_logs_may_grow_and_not_shrink():
    one, two = {"id": "1", "at": "x"}, {"id": "2", "at": "y"}
    assert not list(differences({"/audit-log": {"items": [one]}}, {"/audit-log": {"items": [two, one]}}))
    assert list(differences({"/audit-log": {"items": [one, two]}}, {"/audit-log": {"items": [one]}}))


@pytest.mark.parametrize(("share", "kept"), [(1, 20), (0.1, 2), (0.25, 5), (0, 0)])
def test_a_share_is_taken_evenly(share: float, kept: int):
    rows = make.evenly("id,problem\r\n" + "".join(f'{n},"line\nbreak, {n}"\r\n' for n in range(20)), share).split("\r\n")
    assert len(rows) - 2 == kept and rows[0] == "id,problem"


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not REAL.exists(), reason="the real file is not here (AFTERSALES_ORDS_FILE names it)")
@pytest.mark.parametrize("version", VERSIONS, ids=lambda kept: kept.place.name)
def test_all_real_repairs(version: Kept, tmp_path: Path):
    """20,190 of them, made anew by the version before and opened both ways."""
    make.make(version.place.name, REAL, 1.0, tmp_path)
    for way in ("folder", "backup"):
        with opened_by(Kept(tmp_path), way) as found:
            test_everybody_is_told_the_same(found)
            test_the_figures_stand(found)
            test_nothing_offends(found)
