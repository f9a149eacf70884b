"""The customer's number of an order is shown to who works on it, each time written down (C-04)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.orders.conftest import Job, Shop

LOOK = "orders.work_order.reveal_phone"
READ = "orders.work_order.read"
PHONE = "+8613800138111"


@pytest.fixture
def job(shop: Shop) -> Job:
    return shop.order(customer_id=shop.customer(PHONE))


def look(job: Job, username: str, *rights: str) -> httpx.Response:
    return job.attempt("reveal-phone", {}, by=username, permissions=(READ, LOOK, *rights))


def noted(job: Job) -> list[Any]:
    rows = job.shop.served.rows("SELECT subject FROM outbox WHERE type = 'aftersales.orders.reveal.created.v1'")
    told = [job.shop.served.events(row.subject) for row in rows]
    return [data for [(_, _, data)] in told if data["work_order_id"] == job.id]


def test_who_dispatches_is_shown_it_and_it_is_noted(job: Job):
    before = job.reload()
    for _ in range(2):
        answer = look(job, "dora", "orders.work_order.assign")
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"customer_id": before["customer_id"], "name": "王芳", "phones": [PHONE]}
    assert job.reload()["version"] == before["version"], "nobody's form is stale for it"
    items = job.shop.ok("GET", f"/work-orders/{job.id}/timeline")["items"]
    assert [item["actor"] for item in items if item["type"] == "work_order.reveal-phone"] == ["dora", "dora"]
    assert [item["work_order_number"] for item in noted(job)] == [before["number"]] * 2
    assert all(PHONE not in str(item) for item in (items, noted(job)))


def test_a_technician_is_shown_the_customers_of_his_own_orders(job: Job):
    shop, username = job.shop, f"tom.{job.shop.code.lower()}"
    shop.tell("gateway.user.created", {"username": username, "name": "Tom", "org_path": shop.path, "roles": [], "active": True})
    tom = shop.ok("POST", "/technicians", {"name": "Tom", "site_id": shop.site["id"], "username": username})
    shop.refused(look(job, username), 403, "forbidden")
    job.do("assign", {"technician_id": tom["id"]})
    assert look(job, username).json()["phones"] == [PHONE]
    shop.refused(look(job, "somebody-else"), 403, "forbidden")
    assert len(noted(job)) == 1, "who is refused was shown nothing"


def test_not_once_the_order_is_closed_nor_out_of_scope(job: Job):
    job.shop.refused(job.attempt("reveal-phone", {}, permissions=(READ,)), 403, "forbidden")
    elsewhere = job.attempt("reveal-phone", {}, scope="/HQ/ELSEWHERE/", permissions=("*",))
    job.shop.refused(elsewhere, 404, "not_found")
    job.do("cancel", {"reason": "x"})
    job.shop.refused(look(job, "dora", "orders.work_order.assign"), 409, "bad_transition", state="cancelled")
    assert noted(job) == []


def test_an_order_without_customer_has_nobody_to_call(shop: Shop):
    job = shop.order()
    assert look(job, "dora", "orders.work_order.assign").json() == {"customer_id": None, "name": None, "phones": []}
    assert noted(job) == []
