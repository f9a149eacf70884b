"""An order is corrected until it is billed (O-85, R-05): who may, what follows from it, and what stays of what stood there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.concurrency.conftest import at_once
from tests.integration.orders.conftest import UNKNOWN, Job, Shop
from tests.integration.orders.test_attachments import kept
from tests.support.serving import Served

READ, CORRECT, TAKE_IN = (f"orders.work_order.{verb}" for verb in ("read", "correct", "create"))
OLD = "2019-05-01"


def bought_lately() -> str:
    """The day of a purchase that is in warranty."""
    return (datetime.now(UTC) - timedelta(days=10)).date().isoformat()


def attempt(job: Job, body: Any, **more: Any) -> httpx.Response:
    return job.shop.served.call("PATCH", f"/work-orders/{job.id}", body, **more)


def correct(job: Job, body: Any, **more: Any) -> dict[str, Any]:
    answer = attempt(job, body, **more)
    assert answer.status_code == 200, answer.text
    job.document = answer.json()
    return job.document


def told(job: Job) -> list[dict[str, Any]]:
    return [data for verb, _, data in job.shop.served.events(job.id) if verb == "work_order.corrected.v1"]


def entries(job: Job, kind: str = "work_order.correct", **more: Any) -> list[dict[str, Any]]:
    items = job.shop.ok("GET", f"/work-orders/{job.id}/timeline", limit=200, **more)["items"]
    return [item for item in items if item["type"] == kind]


def test_what_was_wrong_is_put_right_and_the_history_tells_both(shop: Shop) -> None:
    wrong, right = shop.customer(name="王芳"), shop.customer(name="李雷")
    former = shop.device(OLD)["id"]
    job = shop.order(customer_id=wrong, device_id=former, problem="hums")
    assert job.document["coverage"] == "out_of_warranty"
    device, version = shop.device(bought_lately(), customer_id=right), job.document["version"]
    after = correct(job, {"customer_id": right, "device_id": device["id"], "problem": "leaks water", "channel": "phone"})
    assert (after["customer_id"], after["customer_name"], after["device_id"]) == (right, "李雷", device["id"])
    assert (after["problem"], after["channel"], after["coverage"], after["version"]) == ("leaks water", "phone", "in_warranty", version + 1)
    assert {**job.reload(), "gates": [], "at_hand": True} == {**after, "gates": [], "at_hand": True}
    [entry] = entries(job)
    assert {change["field"]: (change["from"], change["to"]) for change in entry["data"]["changes"]} == {
        "customer_id": (wrong, right), "device_id": (former, device["id"]), "problem": ("hums", "leaks water"),
        "channel": ("counter", "phone"), "coverage": ("out_of_warranty", "in_warranty"),
    }  # fmt: skip
    assert {change.get("from_name") for change in entry["data"]["changes"] if change["field"] == "customer_id"} == {"王芳"}
    [event] = told(job)
    assert (event["customer_id"], event["former_customer_id"], event["former_path"]) == (right, wrong, None)
    assert set(event["corrected"]) == {"customer_id", "device_id", "problem", "channel", "coverage"}


def test_the_words_of_the_new_problem_find_it_and_the_old_ones_do_not(shop: Shop) -> None:
    old, new = f"hum{shop.code.lower()}", f"leak{shop.code.lower()}"
    job = shop.order(problem=f"{old} again")
    correct(job, {"problem": f"{new} again"})
    found = {word: [item["id"] for item in shop.ok("GET", "/work-orders", q=word)["items"]] for word in (old, new)}
    assert found == {old: [], new: [job.id]}


def test_nothing_that_differs_changes_nothing(shop: Shop) -> None:
    job = shop.order(customer_id=shop.customer(), device_id=shop.device(bought_lately())["id"])
    for body in ({}, {name: job.document[name] for name in ("customer_id", "device_id", "problem", "channel", "site_id")}):
        assert correct(job, body)["version"] == 1
    assert entries(job) == told(job) == []


def test_the_owner_of_the_device_is_meant_where_there_is_no_customer(shop: Shop) -> None:
    owner, other = shop.customer(), shop.customer()
    device = shop.device(bought_lately(), customer_id=owner)["id"]
    assert correct(shop.order(), {"device_id": device})["customer_id"] == owner
    job = shop.order(customer_id=other)
    assert correct(job, {"device_id": device})["customer_id"] == other, "who was named stays"
    assert correct(job, {"customer_id": None})["customer_id"] == owner
    emptied = correct(job, {"customer_id": None, "device_id": None})
    assert (emptied["customer_id"], emptied["device_id"], emptied["product_id"], emptied["coverage"]) == (None, None, None, "to_check")


def test_coverage_is_decided_again_with_what_the_diagnosis_found(shop: Shop) -> None:
    job = shop.order(device_id=shop.device(OLD)["id"]).start().diagnose(exclusion="misuse")
    after = correct(job, {"device_id": shop.device(bought_lately())["id"]})
    assert (after["coverage"], after["coverage_reason"][-1]["code"]) == ("out_of_warranty", "exclusion_misuse")
    device = shop.device(OLD)
    job = shop.order(device_id=device["id"])
    shop.ok("PATCH", f"/devices/{device['id']}", {"purchased_on": bought_lately()})
    assert correct(job, {"problem": "other words"})["coverage"] == "out_of_warranty", "its device was not said"
    assert correct(job, {"device_id": device["id"]})["coverage"] == "in_warranty"


def test_a_quote_that_somebody_else_pays_now_is_void(shop: Shop) -> None:
    new = shop.device(bought_lately())["id"]
    job = shop.order(device_id=shop.device(OLD)["id"]).to_approved()
    after = correct(job, {"device_id": new})
    assert (after["state"], after["approved_version"], after["quote"]["state"], after["waiting_for"]) == ("in_repair", None, "void", None)
    shop.refused(job.attempt("complete", {"work_done": "x"}), 409, "quote_missing")
    assert (told(job)[0]["needed"], told(job)[0]["approved_version"]) == ([], None)
    job = shop.order(device_id=shop.device(OLD)["id"]).to_approved().do("complete", {"work_done": "x"})
    kept = correct(job, {"device_id": shop.device("2019-06-01")["id"]})
    assert (kept["state"], kept["quote"]["state"]) == ("in_check", "approved"), "the customer still pays"
    back = correct(job, {"device_id": new})
    assert (back["state"], back["quote"]["state"]) == ("in_repair", "void")
    assert told(job)[-1]["repaired"] is False and len(entries(job, "work_order.requote")) == 1
    bill = job.issued().quote().requisition(issued=True)
    job.tell("inventory.requisition.changed", bill).do("complete", {"work_done": "again"}).do("check", {"passed": True})
    assert (job.document["billing"]["customer_total"], job.document["billing"]["maker_total"]) == ("0.00", "214.81")


@pytest.mark.parametrize("body", [{"channel": "mail"}, {"problem": "x"}, {"customer_id": None}, {"device_id": None}, {"site_id": UNKNOWN}])
def test_not_once_it_is_billed_or_over(shop: Shop, body: dict[str, Any]) -> None:
    ready, over = shop.order(customer_id=shop.customer()).to_ready(), shop.order().do("cancel", {"reason": "x"})
    shop.refused(attempt(ready, body), 409, "bill_exists", bills=[])
    shop.refused(attempt(ready.billed(), body), 409, "bill_exists")
    shop.refused(attempt(over, body), 409, "bad_transition", state="cancelled")
    for job, code in ((ready, "bill_exists"), (over, "bad_transition")):
        gates = {gate["action"]: gate["code"] for gate in job.reload()["gates"]}
        assert gates["correct"] == code and told(job) == []
    seen = shop.ok("GET", f"/work-orders/{ready.id}", permissions=(READ,))
    assert "correct" not in [gate["action"] for gate in seen["gates"]]


def test_who_may(shop: Shop) -> None:
    job = shop.order()
    shop.refused(attempt(job, {"problem": "x"}, permissions=(READ, TAKE_IN)), 403, "forbidden")
    shop.refused(attempt(job, {"problem": "x"}, scope="/HQ/ELSEWHERE/"), 404, "not_found")
    other = Shop(shop.served).site["id"]
    shop.refused(attempt(job, {"site_id": other}, permissions=(READ, CORRECT)), 403, "forbidden")
    assert correct(job, {"problem": "y"}, permissions=(READ, CORRECT))["updated_by"] == "ann"
    for field in ("customer_id", "device_id", "site_id"):
        shop.refused(attempt(job, {field: UNKNOWN}, headers={"Prefer": "wait=0"}), 422, "unknown_reference", field=field)
    shop.refused(attempt(job, {"problem": "z"}, headers={"If-Match": "1"}), 409, "stale_version")
    for bad in ({"problem": ""}, {"channel": "fax"}, {"site_id": None}, {"number": "RE1"}):
        shop.refused(attempt(job, bad), 400, "validation_failed")
    key = {"Idempotency-Key": f"correct-{shop.code}"}
    first, again = (attempt(job, {"problem": "w"}, headers=key) for _ in range(2))
    assert (first.content, len(told(job))) == (again.content, 2)


# -- another site ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def beside(api: Served) -> Shop:
    return Shop(api)


def appointed(shop: Shop) -> Job:
    at = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0).isoformat()
    job = shop.order(customer_id=shop.customer(), problem=f"move{shop.code.lower()} me")
    job.do("assign", {"technician_id": shop.make_technician(), "appointment_start": at})
    return job


def test_a_registered_order_goes_to_another_site_with_all_that_hangs_on_it(shop: Shop, beside: Shop) -> None:
    job = appointed(shop)
    path = f"/work-orders/{job.id}/attachments"
    file = kept(shop, path)
    job.tell("callcenter.revisit.created", {"due_on": "2026-11-25"})
    shop.ok("POST", f"/work-orders/{job.id}/reveal-phone", {})
    technician = job.reload()["technician_id"]
    after = correct(job, {"site_id": beside.site["id"]}, scope="/HQ/N/")
    assert (after["site_id"], after["technician_id"], after["appointment_start"], after["appointment_end"]) == (beside.site["id"], None, None, None)
    assert shop.served.rows("SELECT 1 FROM appointments WHERE work_order_id = :id", id=job.id) == []
    [event] = told(job)
    assert (event["site_id"], event["former_path"], event["technician_id"]) == (beside.site["id"], shop.path, None)
    assert {change["field"]: change["from"] for change in entries(job)[0]["data"]["changes"]} == {
        "site_id": shop.site["id"], "technician_id": technician
    }  # fmt: skip
    assert left_at(shop, job) == []
    for scope, seen in ((shop.path, 404), (beside.path, 200)):
        for suffix in ("", "/timeline", "/attachments"):
            answer = shop.served.call("GET", f"/work-orders/{job.id}{suffix}", scope=scope)
            assert answer.status_code == seen or not answer.json().get("items"), (scope, suffix)
        found = shop.ok("GET", "/work-orders", q=f"move{shop.code.lower()}", scope=scope)["items"]
        assert [item["id"] for item in found] == ([job.id] if seen == 200 else [])
    assert [shop.served.call("GET", f"{path}/{file['id']}", scope=scope).status_code for scope in (shop.path, beside.path)] == [404, 200]
    kinds = [item["type"] for item in shop.ok("GET", f"/work-orders/{job.id}/timeline", scope=beside.path)["items"]]
    assert {"work_order.register", "work_order.assign", "work_order.attached", "revisit.created", "work_order.correct"} <= set(kinds)
    job.do("assign", {"technician_id": beside.make_technician()}, scope=beside.path).do("start", {}, scope=beside.path)
    shop.refused(attempt(job, {"site_id": shop.site["id"]}), 409, "bad_transition", state="in_repair")
    assert correct(job, {"site_id": beside.site["id"], "problem": "hums"})["problem"] == "hums", "the same site is no other"


def left_at(shop: Shop, job: Job) -> list[tuple[str, int]]:
    """Tables that still have rows about the order, or of its files, under the path of the site that it left."""
    scoped = [row.table_name for row in shop.served.rows(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'org_path' AND table_schema = 'public'")]
    found = []
    for table in sorted(set(scoped) - {"outbox", "sites", "technicians"}):
        query = f'SELECT count(*) AS n FROM "{table}" t WHERE t.org_path = :path AND to_jsonb(t)::text LIKE :id'
        if n := shop.served.rows(query, path=shop.path, id=f"%{job.id}%")[0].n:
            found.append((table, n))
    return found


def test_another_site_needs_both_scopes_and_keeps_a_dealer_that_it_knows(shop: Shop, beside: Shop) -> None:
    job = shop.order()
    shop.refused(attempt(job, {"site_id": beside.site["id"]}, scope=shop.path), 422, "unknown_reference", field="site_id")
    shop.refused(attempt(job, {"site_id": beside.site["id"]}, scope=beside.path), 404, "not_found")
    dealer = shop.tell("gateway.party.created", {"kind": "dealer", "customer_id": None, "contract_ends_on": "2030-01-01"}, org_path=shop.path)
    job = shop.order(dealer_id=dealer)
    shop.refused(attempt(job, {"site_id": beside.site["id"]}), 422, "unknown_reference", field="dealer_id")
    assert job.reload()["site_id"] == shop.site["id"] and told(job) == []


def test_a_rehearsal_moves_nothing(shop: Shop, beside: Shop) -> None:
    job = appointed(shop)
    before = job.reload()
    rehearsed = correct(job, {"site_id": beside.site["id"], "problem": "x"}, headers={"Dry-Run": "true"})
    assert rehearsed["site_id"] == beside.site["id"]
    assert job.reload() == before and told(job) == []
    assert shop.served.rows("SELECT org_path FROM appointments WHERE work_order_id = :id", id=job.id)[0].org_path == shop.path


# -- at the same moment -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("round_", range(4))
def test_start_or_another_site_but_not_both(shop: Shop, beside: Shop, round_: int) -> None:
    job, answers = shop.order(), dict[str, httpx.Response]()
    at_once([
        lambda: answers.update(site=attempt(job, {"site_id": beside.site["id"]})),
        lambda: answers.update(start=job.attempt("start", {}, scope=shop.path)),
    ])  # fmt: skip
    order = job.reload()
    if answers["site"].status_code == 200:
        assert order["site_id"] == beside.site["id"] and left_at(shop, job) == []
        assert answers["start"].status_code == 404 or order["state"] == "in_repair"
    else:
        shop.refused(answers["site"], 409, "bad_transition")
        assert (order["site_id"], order["state"]) == (shop.site["id"], "in_repair")


@pytest.mark.parametrize("round_", range(4))
def test_what_is_billed_is_what_the_order_says(shop: Shop, round_: int) -> None:
    """A check and a correction at once: either the bill is the right customer's and payer's, or the correction is refused."""
    wrong, right = shop.customer(), shop.customer()
    job = shop.order(customer_id=wrong, device_id=shop.device(OLD)["id"]).to_approved().do("complete", {"work_done": "x"}).issued()
    device, answers = shop.device(bought_lately())["id"], dict[str, httpx.Response]()
    at_once([
        lambda: answers.update(correct=attempt(job, {"customer_id": right, "device_id": device})),
        lambda: answers.update(check=job.attempt("check", {"passed": True})),
    ])  # fmt: skip
    order, events = job.reload(), shop.served.events(job.id)
    if answers["check"].status_code == 200:
        [ready] = [data for verb, _, data in events if verb == "work_order.ready.v1"]
        assert (ready["customer_id"], ready["billing"]["customer_total"]) == (wrong, "214.81")
        shop.refused(answers["correct"], 409, "bill_exists")
        assert order["customer_id"] == wrong
    else:
        shop.refused(answers["check"], 409, "bad_transition")
        assert (order["state"], order["customer_id"], order["billing"]) == ("in_repair", right, None)


# -- whom it was taken for ----------------------------------------------------------------------------------------------------
def test_whom_it_was_taken_for_is_erased_in_it_too(shop: Shop) -> None:
    word, wrong, right = "已抹除", shop.customer(name="王小芳"), shop.customer(name="李小雷")
    job = shop.order(customer_id=wrong, problem="hums").start().diagnose().quote()
    job.do("approve", {"approved_by": "王小芳的妹妹"}).quote(hours=2).do("approve", {"approved_by": "王小芳的弟弟"})
    correct(job, {"customer_id": right})
    job.quote(hours=3).do("approve", {"approved_by": "李小雷的妹妹"})
    shop.ok("POST", f"/customers/{wrong}/erase", {"reason": "asked"})
    past = shop.ok("GET", f"/work-orders/{job.id}/quotes")["items"]
    assert [quote["approved_by"] for quote in past] == ["李小雷的妹妹", word, word]
    shown = shop.served.call("GET", f"/work-orders/{job.id}/timeline", limit=200).text
    assert "王小芳" not in shown and word in shown and "李小雷的妹妹" in shown
    assert "王小芳" not in str(shop.served.rows("SELECT * FROM journal WHERE entity_id = :id", id=job.id))
    assert job.reload()["customer_name"] == "李小雷"


def test_nobody_who_was_erased_becomes_the_customer(shop: Shop) -> None:
    gone = shop.customer(name="王芳")
    shop.ok("POST", f"/customers/{gone}/erase", {"reason": "asked"})
    job = shop.order()
    assert attempt(job, {"customer_id": gone}).json()["code"] == "customer_erased"
    assert job.reload()["customer_id"] is None
