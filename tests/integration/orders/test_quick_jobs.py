"""Quick jobs (O-97) in the orders service: what one call does, and how it ends with each answer of the store, or none."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from services.orders.repairs import timers
from tests.integration.orders.conftest import UNKNOWN, Job, Shop


def body(shop: Shop, **more: Any) -> dict[str, Any]:
    return {
        "site_id": shop.site["id"], "technician_id": shop.technician["id"], "problem": "flat tyre", "work_done": "tyre changed",
        "labour": [{"rate_code": shop.rate, "hours": 1.5}],
        "parts": [{"part_id": part, "quantity": q} for part, q in zip(shop.parts, (1, 2), strict=True)], **more,
    }  # fmt: skip


class Counter:
    """One call in a thread of its own, so that the store and finance can answer meanwhile."""

    def __init__(self, shop: Shop, **more: Any) -> None:
        self.shop, self.answer = shop, httpx.Response(0)
        self.external_id = uuid.uuid4().hex
        headers = more.pop("headers", {})
        given = body(shop, external_id=self.external_id, **more)
        self._thread = threading.Thread(target=lambda: self._call(given, headers))
        self._thread.start()

    def _call(self, given: dict[str, Any], headers: dict[str, str]) -> None:
        self.answer = self.shop.served.call("POST", "/quick-jobs", given, headers=headers)

    def job(self, state: str) -> Job:
        """Its order, once it is in this state."""
        for _ in range(400):
            found = self.shop.ok("GET", f"/work-orders?external_id={self.external_id}")["items"]
            if found and found[0]["state"] == state:
                return Job(self.shop, found[0])
            threading.Event().wait(0.01)
        raise AssertionError(f"no order in {state}")

    def over(self) -> httpx.Response:
        self._thread.join()
        return self.answer


def test_one_call_for_all_of_it(shop: Shop, patience: None):
    counter = Counter(shop, approved_by="王芳")
    job = counter.job("in_repair")
    assert (job.document["kind"], job.document["waiting_for"], job.document["approved_version"]) == ("quick_job", "parts", 1)
    job.reserved()
    assert job.where == ("in_check", None)
    job.issued()
    assert job.where == ("ready", None)
    job.billed()
    answer = counter.over()
    assert answer.status_code == 201
    told = answer.json()
    assert (told["state"], told["work_done"], told["billing"]["customer_total"]) == ("ready", "tyre changed", "214.81")
    assert (told["technician_id"], told["quote"]["approved_by"], told["channel"]) == (shop.technician["id"], "王芳", "counter")
    verbs = [type_.split(".")[-2] for type_, *_ in shop.served.events(job.id)]
    assert verbs == ["registered", "assigned", "started", "quoted", "quote_approved", "parts_reserved", "repaired", "ready"]
    assert shop.ok("GET", f"/quick-jobs/{job.id}")["number"] == told["number"]
    shop.refused(shop.served.call("GET", f"/quick-jobs/{shop.order().id}"), 404, "not_found")
    assert job.id in {order["id"] for order in shop.ok("GET", f"/quick-jobs?site_id={shop.site['id']}")["items"]}
    job.billed("0.00").do("hand-over", {"received_by": "王芳"})


def test_without_parts_only_the_bill_is_waited_for(shop: Shop, patience: None):
    counter = Counter(shop, parts=[])
    counter.job("ready").billed()
    assert counter.over().json()["billing"]["customer_total"] == "169.50"


def test_in_warranty_nobody_needs_to_agree(shop: Shop, patience: None):
    device = shop.device(purchased_on=str(shop.ok("GET", f"/sites/{shop.site['id']}")["created_at"])[:10])
    counter = Counter(shop, device_id=device["id"])
    counter.job("in_repair").reserved().issued().billed()
    told = counter.over().json()
    assert (told["coverage"], told["billing"]["customer_total"], told["billing"]["maker_total"]) == ("in_warranty", "0.00", "214.81")
    assert shop.ok("GET", f"/devices/{device['id']}")["repair_days"] == 0, "brought and taken home on one day"


def test_what_is_short_is_cancelled_and_refused(shop: Shop, patience: None):
    counter = Counter(shop)
    job = counter.job("in_repair")
    told = job.requisition(reserved=False)
    told["lines"][0]["reserved"] = 1  # the first of the two is there
    job.tell("inventory.requisition.changed", told)
    refused = shop.refused(counter.over(), 409, "insufficient_stock")
    assert refused["parts"] == [{"part_id": shop.parts[1], "needed": 2, "reserved": 0, "short": 2}]
    assert job.where == ("cancelling", None) and job.document["cancel_reason"].startswith("库存不足")
    assert job.store_frees().where == ("cancelled", None)


def test_a_silent_store_is_given_up(shop: Shop):
    counter = Counter(shop)
    refused = shop.refused(counter.over(), 409, "parts_not_issued")
    assert {line["part_id"] for line in refused["parts"]} == set(shop.parts)
    job = counter.job("cancelling")
    job.reserved()  # too late, and before it knew
    assert job.where == ("cancelling", None)
    assert job.store_frees().where == ("cancelled", None)


def test_without_the_bill_in_time_it_says_how_far_it_is(shop: Shop, patience: None):
    counter = Counter(shop, headers={"Prefer": "wait=1"})
    counter.job("in_repair").reserved().issued()
    answer = counter.over()
    assert (answer.status_code, answer.json()["state"]) == (201, "ready")


def test_a_key_is_given_the_same_job_or_may_try_again(shop: Shop, patience: None):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    given = body(shop, external_id=uuid.uuid4().hex)
    refused = shop.served.call("POST", "/quick-jobs", given, headers={**key, "Prefer": "wait=0"})
    shop.refused(refused, 409, "parts_not_issued")
    answers: list[httpx.Response] = []
    twice = [threading.Thread(target=lambda: answers.append(shop.served.call("POST", "/quick-jobs", given, headers=key))) for _ in range(2)]
    for each in twice:
        each.start()
    job = None
    while job is None:
        found = shop.ok("GET", f"/work-orders?external_id={given['external_id']}&state=in_repair")["items"]
        job = Job(shop, found[0]) if found else None
    job.reserved().issued().billed()
    for each in twice:
        each.join()
    assert {answer.status_code for answer in answers} == {201} and {answer.json()["id"] for answer in answers} == {job.id}
    assert shop.ok("GET", f"/work-orders?external_id={given['external_id']}&total=true")["total"] == 2, "the one given up and this one"


def test_what_nobody_waits_for_is_given_up_by_the_timer(shop: Shop, patience: None):
    left = [Counter(shop) for _ in range(2)]
    old, young = (counter.job("in_repair") for counter in left)
    with shop.served.database.uow() as uow:
        uow.execute(sa.text("UPDATE work_orders SET registered_at = registered_at - :gone WHERE id = :id"), {"gone": timedelta(seconds=11), "id": old.id})
    with shop.served.database.uow() as uow:
        timers.give_up_quick_jobs(uow)
    assert (old.where, young.where) == (("cancelling", None), ("in_repair", "parts"))
    shop.refused(left[0].over(), 409, "parts_not_issued")
    young.reserved().issued().billed()
    assert left[1].over().status_code == 201


@pytest.mark.parametrize(("more", "status", "code", "field"), [
    ({"technician_id": UNKNOWN}, 422, "unknown_reference", "technician_id"),
    ({"site_id": UNKNOWN}, 422, "unknown_reference", "site_id"),
    ({"parts": [{"part_id": UNKNOWN, "quantity": 1}]}, 422, "unknown_reference", "parts.0.part_id"),
    ({"labour": [{"rate_code": "NO", "hours": 1}]}, 422, "unknown_reference", "labour.0.rate_code"),
    ({"labour": [{"rate_code": "NO"}]}, 422, "unknown_reference", "labour.0.rate_code"),
    ({"kind": "repair"}, 400, "validation_failed", None), ({"work_done": ""}, 400, "validation_failed", None),
    ({"parts": [{"part_id": UNKNOWN, "quantity": 0}]}, 400, "validation_failed", None),
])  # fmt: skip
def test_bad_input_leaves_nothing(shop: Shop, more: dict[str, Any], status: int, code: str, field: str | None):
    given = body(shop, external_id=uuid.uuid4().hex, **more)
    refused = shop.refused(shop.served.call("POST", "/quick-jobs", given), status, code)
    assert field is None or refused["field"] == field
    assert shop.ok("GET", f"/work-orders?external_id={given['external_id']}")["items"] == []


def test_it_may_be_cancelled_on_its_way_and_nothing_else(shop: Shop, patience: None):
    counter = Counter(shop)
    job = counter.job("in_repair")
    assert job.document["allowed_actions"] == ["cancel"]
    for action, given in (("check", {"passed": True}), ("diagnose", {"symptom": "s", "cause": "c", "finding": "f"}), ("assign", {"technician_id": shop.technician["id"]})):
        shop.refused(job.attempt(action, given), 409, "bad_transition", allowed_actions=["cancel"])
    job.do("cancel", {"reason": "no time"}, headers={"Prefer": "wait=0"})
    shop.refused(counter.over(), 409, "bad_transition", state="cancelling")
