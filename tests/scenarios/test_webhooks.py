"""A partner is told of a whole case, in order and in both ways to run; a sender killed at the worst moment tells it again under
the same id; the suite's own restart loses nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.ops import failpoints
from tests.support import contracts
from tests.support.case import Case
from tests.support.client import eventually
from tests.support.company import Company
from tests.support.receiver import Receiver, answer, verified
from tests.support.suites import RunningSuite

pytestmark = pytest.mark.modes("servers")
EVENTS = ["aftersales.orders.work_order.*", "aftersales.finance.bill.*", "aftersales.finance.payment.*", "aftersales.callcenter.revisit.*"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def subscribe(company: Company, receiver: Receiver, unit: str) -> dict[str, Any]:
    body = {"name": "经销商", "url": receiver.url, "events": EVENTS, "org_unit_code": unit}
    assert company.admin.call("PUT", "/parameters/webhook.first_pause_seconds", {"value": 1}).ok
    return company.admin.created("/webhooks", body)


def told(receiver: Receiver) -> list[tuple[str, str, int]]:
    """(verb, subject, sequence) of what came, each id once, in the order of coming."""
    first = {got.id: got for got in reversed(receiver.received)}
    return [(got.told["type"].split(".", 2)[2].removesuffix(".v1"), got.told["subject"], got.told["sequence"])
            for got in sorted(first.values(), key=lambda got: got.at)]


def assert_in_order(receiver: Receiver) -> None:
    by_subject = sorted(told(receiver), key=lambda one: one[1])
    for subject, events in itertools.groupby(by_subject, key=lambda one: one[1]):
        sequences = [sequence for _, _, sequence in events]
        assert sequences == sorted(set(sequences)), subject


def test_a_case_as_the_partner_is_told_it(suite: RunningSuite, receiver: Receiver):
    company = Company(suite.client(check=contracts.check), sites=3)
    here, elsewhere = company.sites[0], company.sites[2]
    for site in (here, elsewhere):
        company.receive(site, [(part["id"], 50) for part in company.parts])
    webhook = subscribe(company, receiver, here.code)
    Case(company, elsewhere).walk("214.81")
    case = Case(company, here).walk("100.00", "114.81")
    eventually(lambda: any(verb == "work_order.audited" for verb, _, _ in told(receiver)), "the end of the case", 30)
    verbs = [verb for verb, _, _ in told(receiver)]
    for needed in ("work_order.registered", "work_order.ready", "bill.issued", "payment.received", "revisit.created", "revisit.recorded"):
        assert needed in verbs
    assert verbs.count("payment.received") == 2
    of_orders = {subject for verb, subject, _ in told(receiver) if verb.startswith("work_order.")}
    assert of_orders == {case.id}, "of its own unit's documents only"
    assert_in_order(receiver)
    for got in receiver.received:
        assert verified(webhook["secret"], got.headers, got.body)
    newest = max((got.told for got in receiver.received if got.told["subject"] == case.id), key=lambda one: one["sequence"])
    order = company.admin.get(f"/work-orders/{case.id}")
    assert (newest["data"]["state"], newest["sequence"]) == (order["state"], order["version"])
    company.admin.call("POST", f"/webhooks/{webhook['id']}/disable", {})


@pytest.mark.slow
@pytest.mark.long  # partners/test_hooks.py kills senders in each run
def test_a_sender_killed_after_the_answer_tells_it_again_under_the_same_id(own: RunningSuite, receiver: Receiver, points: Path):
    company = Company(own.client(check=contracts.check, patience=60), sites=1)
    webhook = subscribe(company, receiver, company.sites[0].code)
    failpoints.arm(points, "webhook.answered", "kill")
    case = Case(company)
    case.register().assign().start()
    victim = eventually(lambda: failpoints.taken(points, "webhook.answered"), "the sender comes by", 30)
    assert victim is not None
    eventually(lambda: len(receiver.received) > len({got.id for got in receiver.received}), "told again", 60)

    def settled() -> bool:
        waiting = company.admin.get("/webhook-deliveries", webhook_id=webhook["id"], state="queued")["items"]
        return not waiting

    eventually(settled, "all delivered", 60)
    twice = [got for got in receiver.received if sum(got.id == other.id for other in receiver.received) > 1]
    assert len({got.body for got in twice}) == len({got.id for got in twice}) == 1
    assert_in_order(receiver)
    company.admin.call("POST", f"/webhooks/{webhook['id']}/disable", {})


@pytest.mark.slow
@pytest.mark.long  # partners/test_hooks.py restarts the suite and the receiver in each run
def test_our_restart_and_a_receiver_that_was_away(own: RunningSuite, receiver: Receiver):
    company = Company(own.client(patience=60), sites=1)
    company.receive(company.sites[0], [(part["id"], 50) for part in company.parts])
    webhook = subscribe(company, receiver, company.sites[0].code)
    receiver.behave = answer(503)
    case = Case(company, patience=60).to_quoted().approve()
    eventually(lambda: receiver.received, "the first attempt")
    own.stop()
    own.start()
    case.complete().check().pay().hand_over().revisit().audit()
    receiver.behave = answer(200)
    receiver.received.clear()
    eventually(lambda: any(verb == "work_order.audited" for verb, _, _ in told(receiver)), "everything came", 90)
    assert_in_order(receiver)
    sequences = [sequence for _, subject, sequence in told(receiver) if subject == case.id]
    assert sequences[0] == 1, "what waited over the restart is there from its beginning"
    states = {one["state"] for one in company.admin.get("/webhook-deliveries", webhook_id=webhook["id"], limit=200)["items"]}
    assert states <= {"delivered", "queued"}
    reconciled = own.here("reconcile", "--wait", "20")
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr
