"""From event to receiver: signed, in order, again until received, to whom it concerns, and nobody twice without need."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.domain.aggregate import new_id
from gateway.webhooks import outgoing
from gateway.webhooks.client import Answer
from tests.integration.webhooks.conftest import Webhooks, envelope
from tests.partners import hooks
from tests.support.client import eventually
from tests.support.orders_events import order
from tests.support.receiver import Receiver, answer, verified


def test_a_delivery_as_the_receiver_sees_it(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    subject = webhooks.order("registered", "assigned")
    with webhooks.sending():
        first, second = webhooks.becomes(webhook, "delivered", "delivered")
    one, two = receiver.received
    assert (one.id, two.id) == (first["id"], second["id"])
    assert one.headers["content-type"] == "application/json" and "authorization" not in one.headers
    for request in (one, two):
        assert verified(webhook["secret"], request.headers, request.body)
        assert not verified(webhook["secret"], request.headers, request.body + b" ")
    assert set(one.told) == {"type", "timestamp", "subject", "sequence", "data"}
    assert one.told["type"] == "aftersales.orders.work_order.registered.v1" and one.told["timestamp"].endswith("Z")
    assert (one.told["subject"], one.told["sequence"], one.told["data"]["id"]) == (str(subject), 1, str(subject))
    log = webhooks.delivery(first["id"])
    assert log["body"].encode() == one.body and [(a["status"], a["error"]) for a in log["log"]] == [(204, None)]


def test_a_partner_of_the_release_before_understands_a_newer_one(webhooks: Webhooks, receiver: Receiver, tmp_path: Path):
    """Members, verbs and values were added since: whoever asked for all about an order is told all of it, as it was sent, and a
    program that knows none of it goes on (tests/partners/hooks.py is one)."""
    webhook, subject = webhooks.create(receiver.url), new_id()
    webhooks.tell("registered", subject, 1)
    newer = {**order("started", id=str(subject)), "state": "on_the_road", "kind": "exchange", "bound_for": {"site_id": str(new_id())}}
    sent = envelope("aftersales.orders.work_order.shipped.v1", newer, subject=subject, sequence=2, org_path="/HQ/N1/S1/")
    assert webhooks.served.receive(sent).value == "done"
    with webhooks.sending():
        webhooks.becomes(webhook, "delivered", "delivered")
    assert receiver.received[1].told["data"] == newer
    with closing(hooks.open_journal(tmp_path / "journal")) as journal:
        journal.executescript(hooks.SCHEMA)
        for got in receiver.received:
            hooks.handle(journal, got.id, got.body)
        assert journal.execute("SELECT sequence, state FROM documents").fetchall() == [(2, "on_the_road")]
    found = webhooks.served.call("GET", f"/webhook-deliveries/{webhooks.deliveries(webhook)[1]['id']}")
    assert found.status_code == 200 and found.json()["type"] == "aftersales.orders.work_order.shipped.v1"


def test_an_event_told_again_is_delivered_once(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    told = webhooks.tell("registered", new_id(), 1)
    assert webhooks.served.receive(told).value == "duplicate"
    with webhooks.sending():
        webhooks.becomes(webhook, "delivered")
    assert len(receiver.received) == 1


def test_only_what_it_subscribed_to_in_its_unit_while_active(webhooks: Webhooks, receiver: Receiver):
    branch = webhooks.unit()
    site = webhooks.unit("site", branch["code"])
    of_site = webhooks.create(receiver.url, unit=site["code"])
    of_branch = webhooks.create(receiver.url, "aftersales.orders.work_order.assigned.v1", unit=branch["code"])
    parts = webhooks.create(receiver.url, "aftersales.inventory.part.*", unit=site["code"])
    off = webhooks.create(receiver.url)
    assert webhooks.served.call("POST", f"/webhooks/{off['id']}/disable", {}).json()["disabled_why"] == "by_hand"
    webhooks.order("registered", "assigned", path=site["path"])
    webhooks.order("registered", "assigned", path=f"{branch['path']}OTHER/")
    webhooks.order("registered", "assigned", path=f"{site['path'][:-1]}X/")  # a neighbour whose code begins alike
    webhooks.order("registered", "assigned", path="/HQ/ELSEWHERE/S/")
    part = {"number": "P-1", "name": "电池", "unit": "个", "price": "25.00"}
    webhooks.served.tell("aftersales.inventory.part.created.v1", part)  # the company's: for every unit
    counts = [len(webhooks.deliveries(one)) for one in (of_site, of_branch, parts, off)]
    assert counts == [2, 3, 1, 0]


def test_a_unit_that_moved_is_found_by_its_old_path_too(webhooks: Webhooks, receiver: Receiver):
    north, south = webhooks.unit(), webhooks.unit()
    site = webhooks.unit("site", north["code"])
    webhook = webhooks.create(receiver.url, unit=south["code"])
    moved = webhooks.served.call("POST", f"/org-units/{site['id']}/move", {"parent_code": south["code"]})
    assert moved.status_code == 200, moved.text
    webhooks.order(path=site["path"])  # was on its way while the site moved
    assert len(webhooks.deliveries(webhook)) == 1


def test_the_next_of_a_document_waits_others_go_on(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    stuck = webhooks.order("registered", "assigned", "started")
    receiver.behave = lambda handler, got: answer(500 if got.told["subject"] == str(stuck) else 204)(handler, got)
    others = [webhooks.order("registered", "assigned") for _ in range(3)]
    with webhooks.sending():
        eventually(lambda: len(receiver.received) >= 7, "the others' events")
        time.sleep(1.2)  # time in which a wrong one would go out
        assert [got.told["sequence"] for got in receiver.received if got.told["subject"] == str(stuck)] == [1]
        for other in others:
            assert [got.told["sequence"] for got in receiver.received if got.told["subject"] == str(other)] == [1, 2]
        receiver.behave = answer(204)
        webhooks.due()
        webhooks.becomes(webhook, *["delivered"] * 9)
    of_stuck = [got for got in receiver.received if got.told["subject"] == str(stuck)]
    assert [got.told["sequence"] for got in of_stuck] == [1, 1, 2, 3]
    assert of_stuck[0].id == of_stuck[1].id and of_stuck[0].body == of_stuck[1].body
    assert int(of_stuck[1].headers["webhook-timestamp"]) > int(of_stuck[0].headers["webhook-timestamp"])
    assert verified(webhook["secret"], of_stuck[1].headers, of_stuck[1].body)


def test_what_comes_late_is_put_in_order_or_not_sent(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    both, late = new_id(), new_id()
    webhooks.tell("assigned", both, 2)
    webhooks.tell("registered", both, 1)  # a moment later: still put right
    webhooks.tell("assigned", late, 2)
    with webhooks.sending():
        eventually(lambda: len(receiver.received) == 3, "what is there")
        webhooks.tell("registered", late, 1)
        webhooks.becomes(webhook, "delivered", "delivered", "delivered", "superseded")
    told = [(got.told["subject"], got.told["sequence"]) for got in receiver.received]
    assert [sequence for subject, sequence in told if subject == str(both)] == [1, 2]
    assert [sequence for subject, sequence in told if subject == str(late)] == [2]


@pytest.mark.slow
def test_back_off_retry_after_dead_and_replay_keep_the_id(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    webhooks.parameter("webhook.longest_pause_hours", 1)
    webhooks.order("registered", "assigned")
    receiver.behave = answer(503, b"busy \x00now", Retry_After="600")

    def attempts(count: int) -> bool:
        return bool(webhooks.deliveries(webhook)[0]["attempts"] == count)

    def wait() -> float:
        planned = webhooks.deliveries(webhook)[0]["next_at"]
        return (datetime.fromisoformat(planned) - datetime.now(UTC)).total_seconds()

    with webhooks.sending():
        eventually(lambda: attempts(1), "the first failure")
        assert 590 <= wait() <= 600  # asked for more than the minute that was planned
        receiver.behave = answer(500, Retry_After="999999999")
        webhooks.due()
        eventually(lambda: attempts(2), "the second")
        assert 3590 <= wait() <= 3600  # but not for more than the longest pause
        receiver.behave = answer(500, Retry_After="1")
        webhooks.due()
        eventually(lambda: attempts(3), "the third")
        assert 230 <= wait() <= 4 * 60 * 1.2  # and not for less than planned
        for count in range(4, 9):
            if webhooks.deliveries(webhook)[0]["state"] == "queued":
                webhooks.due()
                eventually(lambda c=count: attempts(c), f"attempt {count}")  # type: ignore[misc]
        receiver.behave = answer(204)
        # A dead one lets the next go on, which may have met the last 500 already.
        eventually(lambda: webhooks.due() or webhooks.deliveries(webhook)[1]["state"] == "delivered", "the next goes on")
        dead, after = webhooks.becomes(webhook, "dead", "delivered")
        assert dead["attempts"] == 8 and webhooks.deliveries(webhook, state="dead") == [dead]
        log = webhooks.delivery(dead["id"])["log"]
        assert log[-1]["excerpt"] == "busy  now" and len(log) == 8
        again = webhooks.served.call("POST", f"/webhook-deliveries/{dead['id']}/replay", {})
        assert (again.json()["state"], again.json()["replays"], again.json()["attempts"]) == ("queued", 1, 0)
        webhooks.becomes(webhook, "delivered", "delivered")
    assert {got.id for got in receiver.received} == {dead["id"], after["id"]}
    assert receiver.received[-1].id == dead["id"] and receiver.received[-1].body == receiver.received[0].body


def test_many_are_replayed_by_state_and_time(webhooks: Webhooks, receiver: Receiver):
    webhook, other = webhooks.create(receiver.url), webhooks.create(receiver.url)
    for _ in range(4):
        webhooks.order()
    webhooks.sql("UPDATE webhook_deliveries SET state = 'dead', next_at = NULL")
    oldest = webhooks.deliveries(webhook)[0]
    cut = (datetime.fromisoformat(oldest["created_at"]) + timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
    path = f"/webhooks/{webhook['id']}/replay"
    assert webhooks.served.call("POST", path, {"state": "delivered"}).json() == {"replayed": 0, "more": False}
    assert webhooks.served.call("POST", path, {"until": cut}).json() == {"replayed": 1, "more": False}
    assert webhooks.served.call("POST", path, {"since": cut}).json() == {"replayed": 3, "more": False}
    assert webhooks.served.call("POST", f"/webhook-deliveries/{oldest['id']}/replay", {}).json()["code"] == "bad_transition"
    with webhooks.sending():
        webhooks.becomes(webhook, *["delivered"] * 4)
    assert [one["state"] for one in webhooks.deliveries(other)] == ["dead"] * 4


def test_gone_switches_off_at_once_with_a_notice(webhooks: Webhooks, receiver: Receiver):
    if not webhooks.served.rows("SELECT FROM users WHERE username = 'ann'"):
        ann = {"username": "ann", "name": "ann", "org_unit_code": "HQ", "roles": ["admin"], "password": "another-long-story"}
        assert webhooks.served.call("POST", "/users", ann).status_code == 201
    webhook = webhooks.create(receiver.url)
    receiver.behave = answer(410)
    webhooks.order("registered", "assigned")
    with webhooks.sending():
        webhooks.becomes(webhook, "dead", "queued")
        off = webhooks.get(webhook)
    assert (off["state"], off["disabled_why"], off["allowed_actions"]) == ("disabled", "gone", ["enable"])
    assert len(receiver.received) == 1
    notices = webhooks.served.rows(
        "SELECT n.recipient, n.kind, n.data, s.audience, s.kind AS event FROM notices n JOIN stream_events s ON s.subject = n.id"
        " WHERE n.subject_id = :id", id=webhook["id"],
    )  # fmt: skip
    assert [tuple(one) for one in notices] == [("ann", "webhook.disabled", {"name": webhook["name"], "why": "gone"}, "ann", "notice")]
    assert webhooks.served.call("POST", f"/webhooks/{webhook['id']}/ping", {}).json()["code"] == "bad_transition"
    receiver.behave = answer(204)
    assert webhooks.served.call("POST", f"/webhooks/{webhook['id']}/enable", {}).json()["state"] == "active"
    with webhooks.sending():  # what waited goes out
        webhooks.becomes(webhook, "dead", "delivered")


def test_days_of_failure_switch_off_a_success_between_begins_anew(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    receiver.behave = answer(500)
    with webhooks.sending():
        webhooks.order()
        since = eventually(lambda: webhooks.get(webhook)["failing_since"], "the first failure")
        failing = webhooks.served.call("GET", "/webhooks", failing=True).json()["items"]
        assert [one["id"] for one in failing] == [webhook["id"]]
        receiver.behave = answer(200)
        webhooks.due()
        eventually(lambda: webhooks.get(webhook)["failing_since"] is None, "a success")
        receiver.behave = answer(500)
        webhooks.order()
        eventually(lambda: webhooks.get(webhook)["failing_since"] not in (None, since), "failing again")
        webhooks.sql("UPDATE webhooks SET failing_since = now() - interval '4 days 23 hours'")
        webhooks.order()
        eventually(lambda: len(receiver.received) == 4, "a failure on the fifth day")
        assert webhooks.get(webhook)["state"] == "active"
        webhooks.sql("UPDATE webhooks SET failing_since = now() - interval '5 days'")
        webhooks.order()
        eventually(lambda: webhooks.get(webhook)["state"] == "disabled", "switched off")
    assert webhooks.get(webhook)["disabled_why"] == "failing"
    assert webhooks.order() and len(webhooks.deliveries(webhook)) == 4  # what happens meanwhile is not kept for it


def test_two_secrets_while_they_overlap(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    turned = webhooks.served.call("POST", f"/webhooks/{webhook['id']}/rotate-secret", {"overlap_hours": 1}).json()
    assert turned["secret"] != webhook["secret"] and turned["former_secret_until"]
    with webhooks.sending():
        webhooks.order()
        webhooks.becomes(webhook, "delivered")
        webhooks.sql("UPDATE webhooks SET former_secret_until = now() - interval '1 s'")
        webhooks.order()
        webhooks.becomes(webhook, "delivered", "delivered")
    during, after = receiver.received
    assert [verified(secret, during.headers, during.body) for secret in (turned["secret"], webhook["secret"])] == [True, True]
    assert [verified(secret, after.headers, after.body) for secret in (turned["secret"], webhook["secret"])] == [True, False]


def test_ping(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    sent = webhooks.served.call("POST", f"/webhooks/{webhook['id']}/ping", {}).json()
    with webhooks.sending():
        webhooks.becomes(webhook, "delivered")
    assert receiver.received[0].id == sent["id"] and receiver.received[0].told["type"] == "ping"
    assert receiver.received[0].told["data"] == {} and verified(webhook["secret"], receiver.received[0].headers, receiver.received[0].body)


def test_several_senders_send_each_once_and_in_order(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    orders = [webhooks.order("registered", "assigned", "started", "diagnosed") for _ in range(15)]
    with webhooks.sending(), webhooks.sending(), webhooks.sending():
        eventually(lambda: len(webhooks.deliveries(webhook, state="delivered")) == 60, "all", 40)
    assert len(receiver.received) == 60 == len({got.id for got in receiver.received})
    for subject in orders:
        assert [got.told["sequence"] for got in receiver.received if got.told["subject"] == str(subject)] == [1, 2, 3, 4]


def test_a_sender_that_died_is_followed_and_its_late_word_counts(webhooks: Webhooks, receiver: Receiver):
    """The one that took the delivery never says how it went; later its word comes all the same."""
    webhook = webhooks.create(receiver.url)
    webhooks.order()
    webhooks.due()
    with webhooks.served.database.uow() as uow:
        (parcel,) = outgoing.claim(uow, 10, 4, [])
    with webhooks.served.database.uow() as uow:
        assert outgoing.claim(uow, 10, 4, []) == []  # in hand
    webhooks.sql("UPDATE webhook_deliveries SET next_at = now() - interval '1 s'")  # the claim runs out
    with webhooks.served.database.uow() as uow:
        (second,) = outgoing.claim(uow, 10, 4, [])
    assert second.id == parcel.id and second.claim != parcel.claim
    with webhooks.served.database.uow() as uow:
        outgoing.record(uow, parcel, Answer(error="timeout"))  # its failure is not the delivery's any more
    assert webhooks.deliveries(webhook)[0]["attempts"] == 0
    with webhooks.served.database.uow() as uow:
        outgoing.record(uow, parcel, Answer(status=200))  # but what the receiver has, it has
    assert webhooks.deliveries(webhook)[0]["state"] == "delivered"
    with webhooks.served.database.uow() as uow:
        outgoing.record(uow, second, Answer(status=500, error="status"))
    assert webhooks.deliveries(webhook)[0]["state"] == "delivered"


def test_what_is_in_hand_counts_towards_what_one_webhook_may_have(webhooks: Webhooks, receiver: Receiver):
    """Some fall due while others are being sent: together they are no more than a few."""
    webhook = uuid.UUID(webhooks.create(receiver.url)["id"])
    for _ in range(6):
        webhooks.order()
    webhooks.due()
    with webhooks.served.database.uow() as uow:
        assert outgoing.claim(uow, 10, 4, [webhook] * 4) == []
        assert len(outgoing.claim(uow, 10, 4, [webhook] * 3 + [uuid.uuid4()])) == 1
        assert len(outgoing.claim(uow, 10, 4, [])) == 4


@pytest.mark.slow
def test_a_slow_receiver_holds_up_itself_only(webhooks: Webhooks, receiver: Receiver):
    slow = Receiver()
    slow.behave = lambda handler, got: (time.sleep(3), answer(204)(handler, got))[1]  # type: ignore[func-returns-value]
    try:
        webhooks.create(slow.url)
        quick = webhooks.create(receiver.url)
        for _ in range(20):
            webhooks.order()
        began = time.monotonic()
        with webhooks.sending():
            eventually(lambda: len(webhooks.deliveries(quick, state="delivered")) == 20, "the quick one's", 20)
            assert len(slow.received) <= 4 * (1 + (time.monotonic() - began) // 3)
    finally:
        slow.close()


def test_the_log_is_kept_for_a_while_what_waits_is_not_forgotten(webhooks: Webhooks, receiver: Receiver):
    from gateway.webhooks import timers

    webhook = webhooks.create(receiver.url)
    with webhooks.sending():
        webhooks.order()
        webhooks.becomes(webhook, "delivered")
        webhooks.order()
        webhooks.becomes(webhook, "delivered", "delivered")
    webhooks.order()
    old, young, waiting = webhooks.deliveries(webhook)
    webhooks.sql("UPDATE webhook_deliveries SET created_at = now() - interval '31 days' WHERE id = ANY(:ids)",
                 ids=[uuid.UUID(old["id"]), uuid.UUID(waiting["id"])])
    with webhooks.served.database.uow() as uow:
        timers.forget(uow)
    assert {one["id"] for one in webhooks.deliveries(webhook)} == {young["id"], waiting["id"]}
    assert webhooks.served.rows("SELECT count(*) AS n FROM webhook_attempts")[0].n == 1


@pytest.mark.parametrize("instant", ["", "unreadable"])
def test_a_secret_that_cannot_be_read_is_a_failure_that_is_told(webhooks: Webhooks, receiver: Receiver, instant: str):
    webhook = webhooks.create(receiver.url)
    if instant:
        webhooks.sql("UPDATE webhooks SET secret = secret || '\\x00'::bytea")
    webhooks.order()
    with webhooks.sending():
        found = eventually(lambda: [one for one in webhooks.deliveries(webhook) if one["error"] or one["state"] == "delivered"], "tried")
    assert (found[0]["error"], len(receiver.received)) == (("secret", 0) if instant else (None, 1))
