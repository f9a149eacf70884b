"""Ends without repair (O-85) over HTTP: cancelling and its confirmation, back unrepaired, collected by nobody."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.orders.repairs import exits
from tests.integration.orders.conftest import Job, Shop


def rejected(shop: Shop) -> Job:
    job = shop.order().start().diagnose().quote()
    return job.do("reject", {"reason": "too dear"})


def later(seconds: float, news: object) -> threading.Timer:
    timer = threading.Timer(seconds, news)  # type: ignore[arg-type]
    timer.start()
    return timer


def test_a_cancel_is_answered_when_the_store_has_answered(shop: Shop, patience: None):
    job = shop.order().to_approved()
    began, timer = time.monotonic(), later(0.3, job.store_frees)
    job.do("cancel", {"reason": "sold"})
    timer.join()
    assert (job.document["state"], job.document["cancel_reason"]) == ("cancelled", "sold") and 0.3 <= time.monotonic() - began < 2
    verbs = [type_.split(".")[-2] for type_, *_ in shop.served.events(job.id)]
    assert verbs[-2:] == ["cancelling", "cancelled"]
    told = [item["summary"] for item in shop.ok("GET", f"/work-orders/{job.id}/timeline", headers={"accept-language": "en"})["items"]]
    assert "Cancelled, the store has confirmed it" in told and any("once the store has none" in line for line in told)


def test_without_an_answer_it_is_cancelling_and_ends_later(shop: Shop):
    job = shop.order().to_approved()
    job.do("assign", {"technician_id": shop.technician["id"], "appointment_start": "2999-01-01T01:00:00Z"})
    job.do("cancel", {"reason": "sold"}, headers={"Prefer": "wait=0"})
    assert (job.document["state"], job.document["waiting_for"], job.document["allowed_actions"]) == ("cancelling", None, [])
    shop.refused(job.attempt("start"), 409, "bad_transition", state="cancelling")
    assert shop.served.events(job.id)[-1][2]["needed"] == []
    assert {o["id"] for o in shop.ok("GET", f"/work-orders?state=cancelling&site_id={shop.site['id']}")["items"]} == {job.id}
    other = shop.order()
    slot = {"technician_id": shop.technician["id"], "appointment_start": "2999-01-01T01:30:00Z"}
    shop.refused(other.attempt("assign", slot), 409, "slot_taken")
    job.store_frees()
    assert job.where == ("cancelled", None)
    other.do("assign", slot)


@pytest.mark.parametrize("keyed", [True, False])
def test_parts_that_are_out_refuse_it_and_nothing_is_kept(shop: Shop, patience: None, keyed: bool):
    job = shop.order().to_approved()
    headers = {"Idempotency-Key": uuid.uuid4().hex} if keyed else {}
    timer = later(0.2, lambda: job.store_frees(out=(1, 2)))
    refused = shop.refused(job.attempt("cancel", {"reason": "sold"}, headers=headers), 409, "parts_not_returned")
    timer.join()
    assert {(line["part_id"], line["quantity"]) for line in refused["parts"]} == set(zip(shop.parts, (1, 2), strict=True))
    assert job.where == ("in_repair", "parts")
    job.issued()
    lines = [{"part_id": part, "quantity": q, "quality": "good"} for part, q in zip(shop.parts, (1, 2), strict=True)]
    job.do("return-parts", {"lines": lines})
    job.do("cancel", {"reason": "sold"}, headers=headers)
    assert job.document["state"] == "cancelled", "the same request is a new one after its refusal"


def test_one_key_waits_for_one_end(shop: Shop, patience: None):
    """A caller whose answer was lost asks again: he waits for the end of the cancel that was begun, and both are told the same."""
    job = shop.order().to_approved()
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = shop.served.call("POST", f"/work-orders/{job.id}/cancel", {"reason": "sold"}, headers={**key, "Prefer": "wait=0"})
    assert first.json().get("state") == "cancelling", first.text
    same = job.attempt("cancel", {"reason": "sold"}, headers={**key, "Prefer": "wait=0"})
    assert same.json().get("state") == "cancelling", same.text
    timer = later(0.2, job.store_frees)
    again = job.attempt("cancel", {"reason": "sold"}, headers=key)
    timer.join()
    assert (again.status_code, again.json()["state"]) == (200, "cancelled")
    kept = job.attempt("cancel", {"reason": "sold"}, headers=key)
    assert kept.content == again.content and kept.headers["idempotency-replayed"] == "true"
    shop.refused(job.attempt("cancel", {"reason": "other"}, headers=key), 422, "idempotency_mismatch")


def test_a_dry_run_waits_for_nobody(shop: Shop, patience: None):
    job = shop.order().to_approved()
    began = time.monotonic()
    answer = job.attempt("cancel", {"reason": "sold"}, headers={"Dry-Run": "true"})
    assert answer.json()["state"] == "cancelling" and time.monotonic() - began < 2.5
    assert job.where == ("in_repair", None)


@pytest.mark.parametrize(("fee", "total"), [(None, "0.00"), ([{"hours": 0.5}], "56.50"), ([{"minutes": 20}], "37.66")])
def test_a_refused_quote_goes_back_unrepaired(shop: Shop, fee: list[dict[str, float]] | None, total: str):
    job = rejected(shop)
    body = {} if fee is None else {"fee": [{"rate_code": shop.rate, **line} for line in fee]}
    assert "return-unrepaired" in job.document["allowed_actions"]
    job.do("return-unrepaired", body)
    document = job.document
    assert (document["state"], document["unrepaired"], document["waiting_for"]) == ("ready", True, None)
    assert (document["billing"]["customer_total"], document["billing"]["maker_total"], len(document["billing"]["lines"])) == (total, "0.00", len(fee or ()))
    told = shop.served.events(job.id)[-1]
    assert told[0].endswith(".unrepaired.v1") and told[2]["billing"] == document["billing"]
    shop.refused(job.attempt("hand-over", {"received_by": "x"}), 409, "bill_open")
    job.billed("0.00").do("hand-over", {"received_by": "王芳"})
    assert job.document["state"] == "completed"


def test_only_a_refused_quote_goes_back(shop: Shop):
    for job in (shop.order(), shop.order().start().diagnose(), shop.order().start().diagnose().quote(), shop.order().to_approved()):
        shop.refused(job.attempt("return-unrepaired"), 409, "bad_transition")
    job = rejected(shop)
    shop.refused(job.attempt("return-unrepaired", {"fee": [{"rate_code": "NO", "hours": 1}]}), 422, "unknown_reference", field="fee.0.rate_code")
    shop.refused(job.attempt("return-unrepaired", {"fee": [{"rate_code": shop.rate}]}), 400, "validation_failed")
    shop.refused(job.attempt("return-unrepaired", {"fee": "10.00"}), 400, "validation_failed")
    assert job.where == ("in_repair", "customer")


def test_what_nobody_collected_is_listed_and_closed(shop: Shop):
    late, fresh = shop.order().to_ready(), shop.order().to_ready()
    set_ready(shop, late, 31)
    set_ready(shop, fresh, 29)
    listed = shop.ok("GET", f"/work-orders?uncollected=true&site_id={shop.site['id']}")["items"]
    assert [order["id"] for order in listed] == [late.id]
    others = shop.ok("GET", f"/work-orders?uncollected=false&site_id={shop.site['id']}")["items"]
    assert fresh.id in {order["id"] for order in others} and late.id not in {order["id"] for order in others}
    [gate] = [gate for gate in fresh.reload()["gates"] if gate["action"] == "close-uncollected"]
    assert gate["code"] == "not_overdue"
    shop.refused(fresh.attempt("close-uncollected", {"reason": "x"}), 409, "not_overdue")
    late.billed("135.60").do("close-uncollected", {"reason": "moved away"})
    document = late.document
    assert (document["state"], document["uncollected_reason"], document["received_by"]) == ("revisited", "moved away", None)
    assert document["completed_at"] and shop.served.events(late.id)[-1][0].endswith(".uncollected.v1")
    late.do("audit")
    shop.refused(late.attempt("unaudit", {"reason": "x"}), 409, "bill_open")
    shop.tell("gateway.parameter.changed", {"key": "work_order.uncollected_days", "value": 29})
    fresh.do("close-uncollected", {"reason": "phone is dead"})


def test_what_should_have_been_collected_is_told_once(shop: Shop):
    late, fresh, closed = (shop.order().to_ready() for _ in range(3))
    for job, days in ((late, 31), (fresh, 20), (closed, 40)):
        set_ready(shop, job, days)
    closed.billed("135.60").do("close-uncollected", {"reason": "moved away"})
    before = late.reload()["version"]
    for _ in range(2):
        overdue(shop)
    verbs = [[type_.split(".")[-2] for type_, *_ in shop.served.events(job.id)] for job in (late, fresh, closed)]
    assert verbs[0][-2:] == ["ready", "overdue"] and "overdue" not in verbs[1] + verbs[2]
    assert (late.reload()["version"], late.document["state"]) == (before + 1, "ready")
    entries = shop.ok("GET", f"/work-orders/{late.id}/timeline", headers={"accept-language": "en"})["items"]
    assert [one["summary"] for one in entries].count("Should have been collected by now") == 1
    late.billed("135.60").do("close-uncollected", {"reason": "x"})
    set_ready(shop, fresh, 20)
    overdue(shop)
    assert told(shop, fresh)


def test_a_round_tells_of_so_many_and_waits_for_nobody(shop: Shop):
    """The longest ready first; one that somebody has in hand comes with the next round."""
    jobs = [shop.order().to_ready() for _ in range(3)]
    for job, days in zip(jobs, (4000, 4001, 4002), strict=True):
        set_ready(shop, job, days)
    with shop.served.database.uow() as held:
        held.rows(sa.text("SELECT FROM work_orders WHERE id = :id FOR UPDATE"), {"id": jobs[2].id})
        overdue(shop, limit=1)
        assert [told(shop, job) for job in jobs] == [False, True, False]
    overdue(shop, limit=2)
    assert [told(shop, job) for job in jobs] == [True, True, True]


def test_the_question_for_overdue_orders_has_its_index(shop: Shop):
    with shop.served.database.uow() as uow:
        uow.execute(sa.text("SET LOCAL enable_seqscan = off"))
        asked = (
            "EXPLAIN SELECT id FROM work_orders WHERE state = 'ready' AND uncollected_told_at IS NULL AND ready_at <= now()"
            " ORDER BY ready_at, id LIMIT 100 FOR UPDATE SKIP LOCKED"
        )
        assert "ix_work_orders_uncollected" in str(uow.rows(sa.text(asked)))


def overdue(shop: Shop, limit: int = 100) -> None:
    with shop.served.database.uow() as uow:
        exits.tell_overdue(uow, limit)


def told(shop: Shop, job: Job) -> bool:
    return shop.served.events(job.id)[-1][0].endswith(".overdue.v1")


def set_ready(shop: Shop, job: Job, days: int) -> None:
    with shop.served.database.uow() as uow:
        uow.execute(sa.text("UPDATE work_orders SET ready_at = ready_at - :days WHERE id = :id"), {"days": timedelta(days=days), "id": job.id})
