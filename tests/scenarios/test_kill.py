"""Every process is killed once, at a random moment, while cases run: clients that retry finish, nothing is lost or twice."""

import random
import threading
import time

import psutil
import pytest

from tests.scenarios.test_load import assert_sound
from tests.support import contracts
from tests.support.campaign import Campaign
from tests.support.company import Company
from tests.support.killer import Killer
from tests.support.suites import RunningSuite

pytestmark = pytest.mark.modes("servers")


@pytest.mark.slow
def test_kill_every_process(own: RunningSuite, many: bool):
    company = Company(own.client(patience=90.0))
    for site in company.sites:
        company.receive(site, [(part["id"], 1000) for part in company.parts])
    campaign = Campaign(company, cases=50 if many else 8, patience=60.0)
    killer = Killer(own, pause=(1.0, 3.0) if many else (0.3, 1.0), seed=int(time.time()))
    killer.start()
    cases = campaign.run_beside(killer)
    killer.join(60)
    assert len(cases) >= campaign.cases
    assert set(killer.killed) == set(killer.names), f"every process once: {killer.killed} (seed {killer.seed})"
    for case in cases:
        assert case.order["state"] == "audited"
        bills = company.admin.get("/bills", work_order_id=case.id)["items"]
        assert [(bill["customer_total"], bill["state"]) for bill in bills] == [(str(case.total), "settled")]
    assert_sound(own, wait=60)


@pytest.mark.slow
def test_a_killed_supervisor_leaves_nothing_and_the_next_up_carries_on(own: RunningSuite):
    company = Company(own.client(patience=30.0), sites=1)
    company.receive(company.sites[0], [(part["id"], 10) for part in company.parts])
    from tests.support.case import Case

    case = Case(company, patience=30.0).to_quoted().approve()
    assert own.process is not None
    family = psutil.Process(own.process.pid).children(recursive=True)
    own.process.kill()
    own.process.wait()
    own.start()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE], "children die with it"
    case.complete().check().pay().hand_over().revisit().audit()
    assert_sound(own)


def test_contracts_are_kept_under_fire(own: RunningSuite):
    """The one unusual answer while a process is away is a problem document, too."""
    client = own.client(check=contracts.check)
    client.get("/me")
    pid = own.processes()["orders.http"]
    answers = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(client.call("GET", "/work-orders"))

    asker = threading.Thread(target=ask)
    asker.start()
    time.sleep(0.2)
    psutil.Process(pid).kill()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (len(answers) > 5 and answers[-1].status == 200 and random.random() < 0.05):
        time.sleep(0.05)
    stop.set()
    asker.join()
    assert answers[-1].status == 200
    away = [answer for answer in answers if answer.status != 200]
    assert {(answer.status, answer.code) for answer in away} <= {(503, "unavailable"), (502, "unavailable"), (504, "unavailable")}
