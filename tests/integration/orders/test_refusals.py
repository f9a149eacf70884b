"""Every action on bad input: permanent code, nothing half saved."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.orders.conftest import UNKNOWN, Shop

DAY = "2099-05-04"


def slot(shop: Shop, start: str, end: str | None = None) -> dict[str, Any]:
    body = {"technician_id": shop.technician["id"], "appointment_start": f"{DAY}T{start}:00Z"}
    return body | ({"appointment_end": f"{DAY}T{end}:00Z"} if end else {})


def test_an_illegal_move_names_state_and_what_this_caller_may_do(shop: Shop):
    job = shop.order()
    rights = ("orders.work_order.read", "orders.work_order.check", "orders.work_order.start")
    answer = job.attempt("check", {"passed": True}, permissions=rights)
    shop.refused(answer, 409, "bad_transition", state="registered", allowed_actions=["start"])
    assert job.reload()["version"] == 1
    for action, body in (
        ("approve", {"approved_by": "x"}),
        ("reject", {"reason": "x"}),
        ("audit", {}),
        ("start", {}),
    ):
        job.start() if action == "start" else None
        shop.refused(job.attempt(action, body), 409, "bad_transition")


def test_missing_rights(shop: Shop):
    job = shop.order()
    for action in ("assign", "start", "diagnose", "quote", "approve", "reject", "complete", "check", "hand-over", "audit", "cancel",
                   "return-parts"):  # fmt: skip
        shop.refused(job.attempt(action, permissions=("orders.work_order.read",)), 403, "forbidden")
    for method, path in (("POST", "/work-orders"), ("POST", "/work-orders/history"), ("GET", "/work-orders"), ("POST", "/sites"),
                         ("POST", "/products"), ("POST", "/devices"), ("POST", "/technicians")):  # fmt: skip
        shop.refused(shop.served.call(method, path, {}, permissions=("orders.nothing.*",)), 403, "forbidden")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"kind", "channel", "site_id", "problem"}),
        (
            {"kind": "exchange", "channel": "fax", "site_id": 7, "problem": ""},
            {"kind", "channel", "site_id", "problem"},
        ),
        (
            {"kind": "repair", "channel": "web", "site_id": "x", "problem": "a\u0000b", "colour": 1},
            {"site_id", "problem", "colour"},
        ),
    ],
)
def test_a_bad_intake_names_all_fields_at_once(shop: Shop, body: dict[str, Any], fields: set[str]):
    document = shop.refused(shop.served.call("POST", "/work-orders", body), 400, "validation_failed")
    assert {error["field"] for error in document["errors"]} == fields


def test_unknown_references_of_an_intake(shop: Shop, patience: None):
    body = {"kind": "repair", "channel": "web", "site_id": shop.site["id"], "problem": "x"}
    before = shop.ok("GET", "/work-orders", total="true", site_id=shop.site["id"])["total"]
    for field in ("site_id", "device_id", "customer_id"):
        began = time.monotonic()
        answer = shop.served.call("POST", "/work-orders", {**body, field: UNKNOWN})
        shop.refused(answer, 422, "unknown_reference", field=field)
        waited = time.monotonic() - began
        assert (waited > 2.5) is (field == "customer_id"), (
            "only what another service owns may still be on its way"
        )
    assert shop.ok("GET", "/work-orders", total="true", site_id=shop.site["id"])["total"] == before


def test_a_customer_that_arrives_while_waiting(shop: Shop, patience: None):

    from chassis.domain.aggregate import new_id

    customer = str(new_id())
    later = threading.Timer(
        0.6, lambda: shop.tell("callcenter.customer.created", {"name": "迟", "phones": []}, subject=customer)
    )
    later.start()
    try:
        assert shop.order(customer_id=customer).document["customer_name"] == "迟"
    finally:
        later.join()


def test_appointments_of_a_technician_never_overlap(shop: Shop):
    first, second, third = shop.order(), shop.order(), shop.order()
    first.do("assign", slot(shop, "01:00", "02:00"))
    assert first.document["appointment_end"] == f"{DAY}T02:00:00Z"
    shop.refused(second.attempt("assign", slot(shop, "01:59", "02:30")), 409, "slot_taken")
    assert second.reload()["version"] == 1
    second.do("assign", slot(shop, "02:00"))
    assert second.document["appointment_end"] == f"{DAY}T03:00:00Z", "an hour unless said"
    shop.refused(third.attempt("assign", slot(shop, "02:59", "04:00")), 409, "slot_taken")
    first.do("assign", slot(shop, "01:30", "02:00"))
    third.do("assign", slot(shop, "01:00", "01:30"))
    first.do("cancel", {"reason": "x"})
    shop.refused(third.attempt("assign", slot(shop, "01:00", "04:00")), 409, "slot_taken")
    second.do("cancel", {"reason": "x"})
    third.do("assign", slot(shop, "01:00", "04:00"))


def test_another_technician_takes_the_appointment_there_is(shop: Shop):
    first, second, free = shop.order(), shop.order(), shop.order()
    other = shop.make_technician()
    told = first.do("assign", slot(shop, "07:00", "08:30")).document
    kept = first.do("assign", {"technician_id": other}).document
    names = ("appointment_start", "appointment_end")
    assert [kept[name] for name in names] == [told[name] for name in names] and kept["technician_id"] == other
    second.do("assign", slot(shop, "08:00", "09:00"))  # the first technician has that time again
    shop.refused(first.attempt("assign", {"technician_id": shop.technician["id"]}), 409, "slot_taken")
    assert first.reload()["technician_id"] == other
    assert free.do("assign", {"technician_id": other}).document["appointment_start"] is None
    third = shop.order()
    shop.refused(third.attempt("assign", {**slot(shop, "07:00"), "technician_id": other}), 409, "slot_taken")


def test_one_of_many_gets_the_slot(shop: Shop):
    other = shop.ok("POST", "/technicians", {"name": "韩梅", "site_id": shop.site["id"]})
    jobs = [shop.order() for _ in range(6)]
    body = {**slot(shop, "05:00", "06:00"), "technician_id": other["id"]}
    answers = shop.served.together([("POST", f"/work-orders/{job.id}/assign", body) for job in jobs])
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"slot_taken"}


def test_bad_appointments_and_foreign_technicians(shop: Shop, api):
    job, other = shop.order(), Shop(api)
    later = datetime.fromisoformat(f"{DAY}T03:01:00Z") + timedelta(days=1)
    earlier = datetime.now(UTC) - timedelta(minutes=2)
    for body, field in (
        (
            {"technician_id": shop.technician["id"], "appointment_end": f"{DAY}T02:00:00Z"},
            "appointment_start",
        ),
        (slot(shop, "03:00", "02:00"), "appointment_end"),
        (slot(shop, "03:00", "03:00"), "appointment_end"),
        ({**slot(shop, "03:00"), "appointment_end": later.isoformat()}, "appointment_end"),
        ({**slot(shop, "03:00"), "appointment_start": earlier.isoformat()}, "appointment_start"),
        ({**slot(shop, "03:00"), "appointment_start": "2027-01-05T24:00:00Z"}, "appointment_start"),
        ({**slot(shop, "03:00"), "appointment_start": "9999-12-31T23:30:00-08:00"}, "appointment_start"),
        ({"technician_id": shop.technician["id"], "appointment_start": "tomorrow"}, "appointment_start"),
    ):
        document = shop.refused(job.attempt("assign", body), 400, "validation_failed")
        assert [error["field"] for error in document["errors"]] == [field], body
    a_day = later - timedelta(minutes=1)
    shop.order().do("assign", {**slot(shop, "03:00"), "technician_id": shop.make_technician(), "appointment_end": a_day.isoformat()})
    for technician in (other.technician["id"], UNKNOWN):
        answer = job.attempt("assign", {"technician_id": technician})
        shop.refused(answer, 422, "unknown_reference", field="technician_id")
    shop.ok("PATCH", f"/technicians/{shop.make_technician()}", {"active": True})
    gone = shop.make_technician()
    shop.ok("PATCH", f"/technicians/{gone}", {"active": False})
    shop.refused(
        job.attempt("assign", {"technician_id": gone}), 422, "unknown_reference", field="technician_id"
    )


def test_bad_quotes(shop: Shop):
    job = shop.order().start()
    line = {"part_id": shop.parts[0], "quantity": 1}
    refused = shop.refused(job.attempt("quote", {"labour": [], "parts": [line, line]}), 422, "duplicate_line")
    assert refused["field"] == "parts.1.part_id"
    unknown = job.attempt("quote", {"labour": [], "parts": [line, {"part_id": UNKNOWN, "quantity": 1}]})
    shop.refused(unknown, 422, "unknown_reference", field="parts.1.part_id")
    unknown = job.attempt("quote", {"labour": [{"rate_code": "NONE", "hours": 1}], "parts": []})
    shop.refused(unknown, 422, "unknown_reference", field="labour.0.rate_code")
    for quantity in (0, -1, 1.0005, 1e9, "2", None):
        answer = job.attempt("quote", {"labour": [], "parts": [{**line, "quantity": quantity}]})
        document = shop.refused(answer, 400, "validation_failed")
        assert [error["field"] for error in document["errors"]] == ["parts.0.quantity"]
    shop.refused(job.attempt("quote", {"labour": []}), 400, "validation_failed")
    assert (job.reload()["quote_version"], job.document["quote"]) == (0, None)


def test_complete_needs_an_approved_quote_and_reserved_parts(shop: Shop, patience: None):
    job = shop.order().start()
    shop.refused(job.attempt("complete", {"work_done": "x"}), 409, "quote_missing", quotes=[])
    job.quote()
    shop.refused(
        job.attempt("complete", {"work_done": "x"}),
        409,
        "quote_missing",
        quotes=[{"version": 1, "state": "waiting"}],
    )
    job.do("approve", {"approved_by": "x"})
    began = time.monotonic()
    document = shop.refused(job.attempt("complete", {"work_done": "x"}), 409, "parts_not_issued")
    assert time.monotonic() - began > 2.5, "a gate on inventory's fact waits for it"
    assert {line["part_id"] for line in document["parts"]} == set(shop.parts)
    assert job.where == ("in_repair", "parts")


def test_check_waits_for_the_issue_and_hand_over_for_the_money(shop: Shop):
    job = shop.order().to_approved().do("complete", {"work_done": "x"})
    shop.refused(job.attempt("check", {"passed": True}), 409, "parts_not_issued")
    assert job.where == ("in_check", None)
    job.issued().do("check", {"passed": True})
    shop.refused(job.attempt("hand-over", {"received_by": "x"}), 409, "bill_open", bills=[])
    job.billed("214.81").billed("0.01")
    document = shop.refused(job.attempt("hand-over", {"received_by": "x"}), 409, "bill_open")
    assert [(bill["number"], bill["open_amount"]) for bill in document["bills"]] == [
        (f"BL{job.document['number']}", "0.01")
    ]
    shop.refused(job.attempt("cancel", {"reason": "x"}), 409, "bill_exists")
    lines = [{"part_id": shop.parts[0], "quantity": 1, "quality": "good"}]
    shop.refused(job.attempt("return-parts", {"lines": lines}), 409, "bad_transition", state="ready")
    job.billed("0.00").do("hand-over", {"received_by": "x"})
    shop.refused(job.attempt("audit"), 409, "bad_transition", state="completed", allowed_actions=[])


def test_parts_that_are_out(shop: Shop):
    job = shop.order().to_approved().issued()
    document = shop.refused(job.attempt("cancel", {"reason": "x"}), 409, "parts_not_returned")
    assert {(line["part_id"], line["quantity"]) for line in document["parts"]} == set(
        zip(shop.parts, (1, 2), strict=True)
    )
    one, two = (
        {"part_id": part, "quantity": q, "quality": "good"}
        for part, q in zip(shop.parts, (1, 2), strict=True)
    )
    shop.refused(job.attempt("return-parts", {"lines": [two, one, one]}), 422, "duplicate_line", field="lines.2.part_id")
    unknown = {**one, "part_id": UNKNOWN}
    shop.refused(
        job.attempt("return-parts", {"lines": [one, unknown]}), 422, "unknown_reference", field="lines.1.part_id"
    )
    for lines, out in (
        ([{**one, "quantity": 2}], [(one, 1)]),
        ([{**two, "quantity": 1.5}, {**two, "quantity": 1, "quality": "bad"}], [(two, 2)]),
        ([{**one, "quality": "bad"}, one, {**two, "quantity": 3}], [(one, 1), (two, 2)]),
    ):
        refused = shop.refused(job.attempt("return-parts", {"lines": lines}), 409, "over_return")
        told = {(line["part_id"], line["quantity"]) for line in refused["parts"]}
        assert told == {(line["part_id"], amount) for line, amount in out}, "the sum of a part's lines is what counts"
    shop.refused(job.attempt("return-parts", {"lines": []}), 400, "validation_failed")
    job.do(
        "return-parts",
        {
            "lines": [
                {**two, "part_id": two["part_id"].upper(), "quantity": 1},
                {**two, "quantity": 1, "quality": "bad"},
            ]
        },
    )
    assert [(item["part_id"], item["quality"]) for item in job.document["returns"]] == [
        (shop.parts[1], "good"),
        (shop.parts[1], "bad"),
    ]
    assert shop.served.events(job.id)[-1][2]["needed"] == [{"part_id": shop.parts[0], "quantity": 1}]
    job.do("return-parts", {"lines": [one]}).do("cancel", {"reason": "sold"})
    assert job.document["state"] == "cancelled"


def test_parts_that_are_out_stay_known_while_a_new_quote_waits(shop: Shop):
    job = shop.order().to_approved().issued().quote()
    assert job.where == ("in_repair", "approval")
    shop.refused(job.attempt("cancel", {"reason": "x"}), 409, "parts_not_returned")
    lines = [{"part_id": part, "quantity": q, "quality": "good"} for part, q in zip(shop.parts, (1, 2), strict=True)]
    job.do("return-parts", {"lines": lines}).do("cancel", {"reason": "x"})
    assert job.document["state"] == "cancelling", "inventory has not told what became of the quote before"
    assert job.store_frees().where == ("cancelled", None)


def test_stale_version_and_unknown_orders(shop: Shop):
    job = shop.order()
    job.do("assign", {"technician_id": shop.technician["id"]})
    for stale in ("1", '"1"', 'W/"1"'):
        shop.refused(job.attempt("start", {}, headers={"If-Match": stale}), 409, "stale_version")
    assert job.attempt("start", {}, headers={"If-Match": '"2"'}).status_code == 200
    for method, tail in (
        ("GET", ""),
        ("GET", "/timeline"),
        ("GET", "/quotes"),
        ("POST", "/start"),
        ("POST", "/return-parts"),
    ):
        body = (
            {"lines": [{"part_id": UNKNOWN, "quantity": 1, "quality": "good"}]}
            if tail == "/return-parts"
            else {}
        )
        shop.refused(shop.served.call(method, f"/work-orders/{UNKNOWN}{tail}", body), 404, "not_found")


def test_the_same_key_answers_the_same_and_moves_once(shop: Shop):
    body = {"kind": "repair", "channel": "web", "site_id": shop.site["id"], "problem": "x"}
    key = {"Idempotency-Key": f"k-{shop.code}"}
    first, again = (shop.served.call("POST", "/work-orders", body, headers=key) for _ in range(2))
    assert first.json() == again.json()
    other = shop.served.call("POST", "/work-orders", {**body, "problem": "y"}, headers=key)
    shop.refused(other, 422, "idempotency_mismatch")
