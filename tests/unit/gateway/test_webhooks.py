"""Rules of webhooks: back-off, what a header asks for, what events there are, states."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from chassis.domain.aggregate import new_id
from chassis.domain.errors import BadTransition
from chassis.domain.events import parse_type
from chassis.events import schemas
from gateway.webhooks import catalogue
from gateway.webhooks.client import printable, retry_after
from gateway.webhooks.delivery import DeliveryState, WebhookDelivery, pause
from gateway.webhooks.webhook import DisabledWhy, Webhook, WebhookState

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(hours=24)


def test_back_off_goes_from_a_minute_to_a_day_and_then_gives_up():
    pauses = []
    while (found := pause(len(pauses) + 1, MINUTE, DAY)) is not None:
        pauses.append(found)
    assert len(pauses) == 12 and pauses[-1] == DAY  # so the thirteenth attempt is the last
    for number, found in enumerate(pauses[:-1]):
        assert MINUTE * 2**number <= found <= min(DAY, MINUTE * 2**number * 1.2)


@given(st.integers(1, 40), st.integers(1, 3600), st.integers(1, 24))
def test_back_off_stays_within_its_bounds(attempts, seconds, hours):
    first, longest = timedelta(seconds=seconds), timedelta(hours=hours)
    found = pause(attempts, first, longest)
    assert found is None or min(first, longest) <= found <= longest


@pytest.mark.parametrize(("header", "seconds"), [
    (None, None), ("120", 120.0), (" 7 ", 7.0), ("0", 0.0), ("-5", None), ("soon", None), ("1.5", None), ("９", None), ("", None),
    ("9" * 400, 999999999.0), ("Sun, 22 Nov 2026 08:02:00 GMT", 120.0), ("Sun, 22 Nov 2026 07:00:00 GMT", 0.0),
    ("Sun, 22 Nov 2026 16:02:00 +0800", 120.0), (f"Sun, 22 Nov 2026 16:02:00 +{9**20}", None), (f"Sun, 22 Nov {9**20} 16:02:00 GMT", None),
    ("Sun, 01 Jan 0001 00:00:00 +1400", 0.0), ("Sun, 22 Nov 0000 16:02:00 GMT", 0.0),
])  # fmt: skip
def test_retry_after(header, seconds):
    assert retry_after(header, NOW) == seconds


def test_excerpt_is_text_and_short():
    shown = printable("错误\x00\x1b[31m\n".encode() + b"\xff" + b"x" * 5000)
    assert shown.startswith("错误") and shown.isprintable() and len(shown) <= 500


def test_what_is_offered_is_published_and_about_no_person():
    offered = catalogue.offered()
    assert set(offered) <= set(schemas.types()) and "aftersales.orders.work_order.ready.v1" in offered
    for type_ in offered:
        members = set(schemas.schema(parse_type(type_).state)["properties"])
        assert not members & {"phones", "phone", "customer_name", "username", "email", "address"}, type_
    assert not [type_ for type_ in offered if type_.split(".")[2] in ("customer", "user", "technician", "device", "parameter")]


def test_patterns():
    assert catalogue.chosen("aftersales.finance.bill.*") == [
        "aftersales.finance.bill.changed.v1", "aftersales.finance.bill.issued.v1", "aftersales.finance.bill.reversed.v1",
    ]
    assert catalogue.chosen("aftersales.callcenter.customer.created.v1") == [] == catalogue.chosen("nothing.*")
    assert set(catalogue.chosen("*")) == set(catalogue.offered())


def webhook() -> Webhook:
    return Webhook.create("ann", new_id(), "n", "https://x.example/", ["*"], "/HQ/", "first")


def test_two_secrets_sign_while_they_overlap():
    one = webhook()
    assert one.secrets(NOW) == ["first"]
    one.rotate("ann", "second", NOW, timedelta(hours=24))
    assert one.secrets(NOW) == ["second", "first"] == one.secrets(NOW + timedelta(hours=23))
    assert one.secrets(NOW + timedelta(hours=24)) == ["second"]
    one.rotate("ann", "third", NOW, timedelta())
    assert one.secrets(NOW) == ["third"]


def test_switching():
    one = webhook()
    one.failing_since = NOW
    one.give_up("system:gateway.sender", DisabledWhy.GONE)
    assert (one.state, one.disabled_why) == (WebhookState.DISABLED, DisabledWhy.GONE)
    with pytest.raises(BadTransition):
        one.give_up("system:gateway.sender", DisabledWhy.GONE)
    one.enable("ann")
    assert (one.state, one.disabled_why, one.failing_since) == (WebhookState.ACTIVE, None, None)


def test_a_delivery_is_settled_once_and_replayed_with_its_id():
    one = WebhookDelivery.of(new_id(), "/HQ/", new_id(), "t", new_id(), 3, "{}", NOW)
    one.id = id = new_id()
    one.fail(500, "status", NOW + MINUTE)
    assert (one.state, one.attempts, one.next_at) == (DeliveryState.QUEUED, 1, NOW + MINUTE)
    with pytest.raises(BadTransition):
        one.replay("ann", NOW)  # it waits already
    one.fail(None, "timeout", None)
    assert (one.state, one.attempts, one.next_at) == (DeliveryState.DEAD, 2, None)
    with pytest.raises(BadTransition):
        one.deliver(200)
    one.replay("ann", NOW)
    assert (one.id, one.state, one.attempts, one.replays, one.next_at) == (id, DeliveryState.QUEUED, 0, 1, NOW)
    one.deliver(204)
    assert (one.state, one.status, one.error) == (DeliveryState.DELIVERED, 204, None)
