"""C-04 at orders: what is open refuses, what is closed forgets names, nothing brings them back."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import psycopg2
import pytest
import sqlalchemy as sa
from psycopg2.extensions import connection as Connection
from sqlalchemy.engine import make_url

from tests.integration.orders.conftest import Job, Shop
from tests.support.serving import Served

WORD = "已抹除"


def erase(shop: Shop, customer: str, **more: object) -> dict[str, object]:
    return shop.ok("POST", f"/customers/{customer}/erase", {"reason": "asked to be forgotten"}, **more)


def finished(shop: Shop, customer: str) -> Job:
    """An audited order with a quote that was replaced, approved by and handed to the customer's people."""
    job = shop.order(customer_id=customer).start().diagnose().quote()
    job.do("approve", {"approved_by": "王芳的妹妹"}).quote(hours=2)
    job.do("approve", {"approved_by": "王芳"}).reserved()
    job.do("complete", {"work_done": "replaced"}).issued().do("check", {"passed": True}).billed("0.00")
    return job.do("hand-over", {"received_by": "王芳的弟弟"}).revisited().do("audit", {})


def owner(api: Served, statement: str, **values: object) -> list[sa.Row]:
    return api.rows(statement, **values)


def test_open_documents_refuse_and_are_named(shop: Shop) -> None:
    customer = shop.customer("+8613800138001")
    done, waiting = finished(shop, customer), shop.order(customer_id=customer)
    body = {"reason": "asked"}
    refused = shop.refused(shop.served.call("POST", f"/customers/{customer}/erase", body), 409, "open_documents")
    assert refused["documents"] == [
        {"kind": "work_order", "id": waiting.id, "number": waiting.document["number"], "state": "registered"}
    ]
    ready = shop.order(customer_id=customer).to_ready().billed("5.00")
    ready.tell("callcenter.revisit.created", {"due_on": "2026-11-25"})
    refused = shop.refused(shop.served.call("POST", f"/customers/{customer}/erase", body), 409, "open_documents")
    assert [one["kind"] for one in refused["documents"]] == ["work_order", "work_order", "bill", "revisit"]
    assert refused["documents"][2]["number"] == f"BL{ready.document['number']}"
    assert done.reload()["customer_name"] == "王芳", "a refusal changes nothing"
    assert shop.served.events(customer) == []


def test_names_go_documents_and_amounts_stay(shop: Shop) -> None:
    customer = shop.customer("+8613800138002", name="王芳")
    job = finished(shop, customer)
    before = job.reload()
    neighbour = finished(shop, shop.customer(name="李雷"))
    left = erase(shop, customer)
    assert (left["name"], left["phone"], left["phones"], left["version"]) == (WORD, None, [], 1)
    after = job.reload()
    assert (after["customer_name"], after["received_by"], after["quote"]["approved_by"]) == (WORD, WORD, WORD)
    kept = ("number", "state", "billing", "customer_id", "device_id", "problem", "version", "completed_at")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    past = shop.ok("GET", f"/work-orders/{job.id}/quotes")["items"]
    assert [quote["approved_by"] for quote in past] == [WORD, WORD]
    told = shop.served.call("GET", f"/work-orders/{job.id}/timeline", limit=200).text
    assert "王芳" not in told and WORD in told
    assert "王芳" not in str(shop.served.rows("SELECT * FROM journal WHERE entity_id = :id", id=job.id))
    assert neighbour.reload()["received_by"] == "王芳的弟弟", "another customer's order"
    for q in ("13800138002", "8613800138002"):
        assert shop.ok("GET", "/work-orders", q=q)["items"] == []
    [(name, sequence, data)] = shop.served.events(customer)
    assert (name, sequence, set(data)) == ("erasure.created.v1", 1, {"erased_at"})


def test_nothing_is_opened_for_an_erased_customer(shop: Shop) -> None:
    customer = shop.customer("+8613800138003")
    device = shop.device(customer_id=customer)
    erase(shop, customer)
    order = {"kind": "repair", "channel": "counter", "site_id": shop.site["id"], "problem": "x"}
    for path, body in (("/work-orders", {**order, "customer_id": customer}), ("/work-orders", {**order, "device_id": device["id"]}),
                       ("/devices", {"product_id": shop.product["id"], "customer_id": customer}),
                       (f"/customers/{customer}/erase", {"reason": "again"})):
        shop.refused(shop.served.call("POST", path, body), 409, "customer_erased")
    other = shop.device()
    shop.refused(shop.served.call("PATCH", f"/devices/{other['id']}", {"customer_id": customer}), 409, "customer_erased")
    shop.ok("PATCH", f"/devices/{device['id']}", {"customer_id": shop.customer()})
    assert shop.order(device_id=device["id"]).document["state"] == "registered", "the device has a new owner"


@pytest.mark.parametrize("verb", ["created", "changed"])
@pytest.mark.parametrize("sequence", [1, 7])
def test_no_late_word_brings_the_name_back(shop: Shop, verb: str, sequence: int) -> None:
    customer = shop.customer("+8613800138004")
    job = finished(shop, customer)
    erase(shop, customer)
    late = {"name": "王芳", "phones": ["+8613800138004"]}
    shop.tell(f"callcenter.customer.{verb}", late, subject=customer, sequence=sequence)
    assert job.reload()["customer_name"] == WORD
    shop.tell("callcenter.customer.erased", {"name": WORD, "phones": [], "erased_at": "2026-11-22T08:00:00Z"}, subject=customer, sequence=8)
    shop.tell(f"callcenter.customer.{verb}", late, subject=customer, sequence=sequence)
    assert job.reload()["customer_name"] == WORD
    assert shop.ok("GET", "/work-orders", q="13800138004")["items"] == []


def test_erased_before_he_was_ever_heard_of(shop: Shop) -> None:
    customer = str(uuid.uuid4())
    shop.tell("callcenter.customer.erased", {"name": WORD, "phones": [], "erased_at": "2026-11-22T08:00:00Z"}, subject=customer, sequence=3)
    shop.tell("callcenter.customer.created", {"name": "王芳", "phones": []}, subject=customer, sequence=1)
    shop.refused(shop.served.call("POST", "/devices", {"product_id": shop.product["id"], "customer_id": customer}), 409, "customer_erased")


def test_headquarters_only_and_the_version_holds(shop: Shop) -> None:
    customer = shop.customer()
    path, body = f"/customers/{customer}/erase", {"reason": "asked"}
    shop.refused(shop.served.call("POST", path, body, scope=shop.path), 403, "forbidden")
    shop.refused(shop.served.call("POST", path, body, permissions=("orders.work_order.*",)), 403, "forbidden")
    shop.refused(shop.served.call("POST", path, body, headers={"If-Match": '"9"'}), 409, "stale_version")
    shop.refused(shop.served.call("POST", f"/customers/{uuid.uuid4()}/erase", body), 404, "not_found")
    shop.refused(shop.served.call("POST", path, {"reason": " "}), 400, "validation_failed")
    rehearsed = shop.served.call("POST", path, body, headers={"Dry-Run": "true"})
    assert rehearsed.status_code == 200 and shop.served.events(customer) == []
    assert shop.order(customer_id=customer).document["customer_name"] == "王芳"


def test_a_phone_in_part_finds_nothing_without_the_right(shop: Shop) -> None:
    """Digit by digit a part would tell the number."""
    job = shop.order(customer_id=shop.customer("+8613955512345"))
    part = ("orders.work_order.read",)
    for q, permissions, found in (
        ("139555", ("*",), True), ("1395551234", part, False), ("139555", part, False), ("13955512345", part, True),
        ("+86 139 5551 2345", part, True), ("139", part, False),
    ):
        items = shop.served.call("GET", "/work-orders", q=q, permissions=permissions).json()["items"]
        assert (job.id in {item["id"] for item in items}) is found, (q, permissions)


# -- at the same time ----------------------------------------------------------------------------------------------
@pytest.fixture
def holder(shop: Shop) -> Iterator[Connection]:
    """Somebody else's transaction, which holds a customer's copy as registering an order does."""
    url = make_url(shop.served.database.app_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(url)
    yield connection
    connection.close()


def test_erasing_while_an_order_is_being_registered(shop: Shop, holder: Connection) -> None:
    """The erasure waits for the registration, and whichever comes second sees the other."""
    customer = shop.customer()
    with holder.cursor() as cursor:
        cursor.execute("SELECT 1 FROM customer_copies WHERE id = %s FOR UPDATE", (customer,))
    answers: list[int] = []
    eraser = threading.Thread(target=lambda: answers.append(
        shop.served.call("POST", f"/customers/{customer}/erase", {"reason": "asked"}).status_code))
    eraser.start()
    eraser.join(0.5)
    assert answers == [], "it waits"
    with holder.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '/', true)")
        cursor.execute(
            "INSERT INTO work_orders SELECT (jsonb_populate_record(w, jsonb_build_object('id', gen_random_uuid(), 'number', 'RE-RACE-' || %s,"
            " 'customer_id', %s::text))).* FROM work_orders w WHERE id = %s",
            (customer, customer, shop.order().id),
        )
    holder.commit()
    eraser.join(20)
    assert answers == [409]


def test_many_at_once_end_on_one_side(shop: Shop) -> None:
    """Eight orders and an erasure at the same time: either the erasure won and no order was registered after it, or it was
    refused and the customer is whole."""
    for _ in range(4):
        customer = shop.customer("+8613800138005")
        body = {"kind": "repair", "channel": "counter", "site_id": shop.site["id"], "problem": "x", "customer_id": customer}
        calls = [("POST", "/work-orders", body)] * 8
        calls.insert(3, ("POST", f"/customers/{customer}/erase", {"reason": "asked"}))
        answers = shop.served.together(calls)
        erasure, orders = answers.pop(3), answers
        opened = [one for one in orders if one.status_code == 201]
        refused = [one.json()["code"] for one in orders if one.status_code != 201]
        if erasure.status_code == 200:
            assert not opened and set(refused) == {"customer_erased"}
        else:
            assert erasure.json()["code"] == "open_documents" and opened and not refused
            assert shop.ok("GET", f"/work-orders/{opened[0].json()['id']}")["customer_name"] == "王芳"


def test_the_function_forgets_nobody_who_is_not_erased(shop: Shop, holder: Connection) -> None:
    customer = shop.customer()
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), holder.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '/', true)")
        cursor.execute("SELECT forget_names(%s, 'x')", (customer,))
    holder.rollback()
    for statement in ("UPDATE erasures SET reason = 'x'", "DELETE FROM erasures"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), holder.cursor() as cursor:
            cursor.execute(statement)
        holder.rollback()
