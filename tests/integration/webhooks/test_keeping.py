"""Who may keep webhooks, what is refused, and what is never told again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.webhooks.conftest import Webhooks
from tests.support.receiver import Receiver


def body(receiver: Receiver, **changed: object) -> dict[str, object]:
    return {"name": "伙伴", "url": receiver.url, "events": ["aftersales.orders.work_order.*"], "org_unit_code": "HQ", **changed}


@pytest.mark.parametrize(("changed", "status", "code"), [
    ({"url": "https://10.0.0.1/"}, 422, "webhook_address"),
    ({"url": "ftp://partner.example/"}, 422, "webhook_address"),
    ({"events": ["aftersales.orders.work_order.ready.v1", "aftersales.callcenter.customer.created.v1"]}, 400, "validation_failed"),
    ({"events": ["aftersales.gateway.user.*"]}, 400, "validation_failed"),
    ({"events": []}, 400, "validation_failed"),
    ({"org_unit_code": "nowhere"}, 422, "unknown_reference"),
    ({"secret": "whsec_mine"}, 400, "validation_failed"),
    ({"state": "disabled"}, 400, "validation_failed"),
])  # fmt: skip
def test_refused(webhooks: Webhooks, receiver: Receiver, changed: dict[str, object], status: int, code: str):
    refused = webhooks.served.call("POST", "/webhooks", body(receiver, **changed))
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text


def test_an_address_is_judged_when_it_is_changed_too(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    refused = webhooks.served.call("PATCH", f"/webhooks/{webhook['id']}", {"url": "https://169.254.169.254/latest"})
    assert (refused.json()["code"], refused.json()["reason"], refused.json()["field"]) == ("webhook_address", "network", "url")
    changed = webhooks.served.call("PATCH", f"/webhooks/{webhook['id']}", {"name": "新名", "events": ["aftersales.finance.bill.*"]})
    assert (changed.json()["name"], changed.json()["version"]) == ("新名", 2)


def test_nobody_has_told_to_others_what_he_may_not_read(webhooks: Webhooks, receiver: Receiver):
    rights = ("gateway.webhook.*", "orders.work_order.read")
    made = webhooks.served.call("POST", "/webhooks", body(receiver), permissions=rights)
    assert made.status_code == 201
    for events in (["aftersales.finance.bill.*"], ["*"]):
        refused = webhooks.served.call("POST", "/webhooks", body(receiver, events=events), permissions=rights)
        assert refused.json()["code"] == "forbidden"
        refused = webhooks.served.call("PATCH", f"/webhooks/{made.json()['id']}", {"events": events}, permissions=rights)
        assert refused.json()["code"] == "forbidden"


def test_scope(webhooks: Webhooks, receiver: Receiver):
    """Of another branch: unknown, with its deliveries; and no webhook listens above its maker's unit."""
    north, south = webhooks.unit(), webhooks.unit()
    webhook = webhooks.create(receiver.url, unit=north["code"])
    webhooks.order(path=f"{north['path']}S/")
    (delivery,) = webhooks.deliveries(webhook)
    for scope, seen in ((north["path"], 200), (south["path"], 404)):
        for path in (f"/webhooks/{webhook['id']}", f"/webhook-deliveries/{delivery['id']}"):
            assert webhooks.served.call("GET", path, scope=scope).status_code == seen
        listed = webhooks.served.call("GET", "/webhook-deliveries", scope=scope, webhook_id=webhook["id"]).json()["items"]
        assert len(listed) == (1 if seen == 200 else 0)
    assert webhooks.served.call("POST", f"/webhooks/{webhook['id']}/ping", {}, scope=south["path"]).status_code == 404
    assert webhooks.served.call("POST", f"/webhook-deliveries/{delivery['id']}/replay", {}, scope=south["path"]).status_code == 404
    above = webhooks.served.call("POST", "/webhooks", body(receiver), scope=north["path"])
    assert above.json()["code"] == "unknown_reference"


def test_the_secret_is_told_once_and_lies_sealed(webhooks: Webhooks, receiver: Receiver):
    key = {"Idempotency-Key": "once"}
    made = webhooks.served.call("POST", "/webhooks", body(receiver), headers=key).json()
    again = webhooks.served.call("POST", "/webhooks", body(receiver), headers=key).json()
    assert made["secret"].startswith("whsec_") and again["id"] == made["id"] and "secret" not in again
    assert "secret" not in webhooks.get(made)
    assert all("secret" not in one for one in webhooks.served.call("GET", "/webhooks").json()["items"])
    (row,) = webhooks.served.rows("SELECT secret FROM webhooks")
    assert made["secret"].encode() not in bytes(row.secret) and made["secret"][6:30].encode() not in bytes(row.secret)


def test_versions_and_switching(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    stale = webhooks.served.call("POST", f"/webhooks/{webhook['id']}/disable", {}, headers={"If-Match": "7"})
    assert stale.json()["code"] == "stale_version"
    off = webhooks.served.call("POST", f"/webhooks/{webhook['id']}/disable", {}, headers={"If-Match": "1"}).json()
    assert (off["state"], off["allowed_actions"]) == ("disabled", ["enable"])
    assert webhooks.served.call("POST", f"/webhooks/{webhook['id']}/disable", {}).json()["code"] == "bad_transition"


def test_what_may_be_subscribed_to(webhooks: Webhooks):
    events = webhooks.served.call("GET", "/webhook-events").json()["events"]
    assert {"type", "description", "permission"} <= set(events[0])
    types = [one["type"] for one in events]
    assert "aftersales.finance.payment.received.v1" in types and types == sorted(types)
    assert not [one for one in types if "customer" in one or "user" in one]


def test_the_log_pages_and_filters(webhooks: Webhooks, receiver: Receiver):
    webhook = webhooks.create(receiver.url)
    subject = webhooks.order("registered", "assigned")
    for _ in range(5):
        webhooks.order()
    whole = webhooks.deliveries(webhook)
    seen, cursor = [], None
    while True:
        page = webhooks.served.call("GET", "/webhook-deliveries", limit=3, sort="created_at", **({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [one["id"] for one in seen] == [one["id"] for one in whole] and len(whole) == 7
    assert len(webhooks.deliveries(webhook, subject=str(subject))) == 2
    assert len(webhooks.deliveries(webhook, since=whole[3]["created_at"])) == 4
    assert len(webhooks.deliveries(webhook, until=whole[3]["created_at"])) == 3
    assert webhooks.deliveries(webhook, state="dead") == []


def test_one_webhooks_secret_does_not_open_for_another(webhooks: Webhooks, receiver: Receiver):
    from gateway.webhooks import outgoing

    webhooks.create(receiver.url)
    webhooks.create(receiver.url)
    webhooks.sql("UPDATE webhooks a SET secret = b.secret FROM webhooks b WHERE a.id > b.id")
    webhooks.order()
    webhooks.due()
    with webhooks.served.database.uow() as uow:
        keys = sorted(len(parcel.keys) for parcel in outgoing.claim(uow, 10, 4, []))
    assert keys == [0, 1]


def test_turning_the_ring_reaches_both_secrets(webhooks: Webhooks, receiver: Receiver, tmp_path: Path):
    from chassis import crypto
    from chassis.db import resealing
    from chassis.db.engine import owner_engine
    from gateway.webhooks import outgoing

    webhook = webhooks.create(receiver.url)
    assert webhooks.served.call("POST", f"/webhooks/{webhook['id']}/rotate-secret", {"overlap_hours": 1}).status_code == 200
    former, ring = crypto.ring(), tmp_path / "keyring.json"
    ring.write_text(former.rotated().text())
    crypto.use(ring)
    engine = owner_engine(webhooks.served.database.owner_url)
    assert sum(resealing.reseal(engine, webhooks.served.service)) >= 2
    ring.write_text(crypto.ring().without(former.current).text())
    crypto.use(ring)
    webhooks.order()
    webhooks.due()
    with webhooks.served.database.uow() as uow:
        (parcel,) = outgoing.claim(uow, 10, 4, [])
    assert len(parcel.keys) == 2 and webhook["secret"] in parcel.keys
