"""C-04 at customer service: numbers in part, consents, disclosures, and what an erasure leaves."""

from __future__ import annotations

import csv
import io
import uuid
from typing import Any

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from tests.integration.callcenter.test_customers import free, make
from tests.support.serving import Served, envelope

IN_PART = ("callcenter.customer.read", "callcenter.customer.update", "callcenter.customer.create")
TODAY = "2026-03-01"
ERASED_AT = "2026-11-22T08:00:00Z"


def masked(number: str) -> str:
    return f"{number[:6]}****{number[-4:]}"


def consent(api: Served, customer: str, kind: str = "marketing", given: bool = True, day: str = TODAY) -> Any:
    body = {"customer_id": customer, "kind": kind, "given": given, "stated_on": day, "channel": "paper"}
    return api.call("POST", "/consents", body)


def erase(api: Served, customer: str, at: str = ERASED_AT) -> Outcome:
    return api.tell("aftersales.orders.erasure.created.v1", {"erased_at": at}, subject=customer)


def test_numbers_in_part_in_every_answer(api: Served) -> None:
    number, other = next(free), next(free)
    made = api.call("POST", "/customers", {"name": "部分", "phone": number, "phones": [other]}, permissions=IN_PART).json()
    shown = [masked(number), masked(other)]
    assert (made["phone"], made["phones"]) == (shown[0], shown)
    assert api.call("GET", f"/customers/{made['id']}", permissions=IN_PART).json()["phones"] == shown
    changed = api.call("PATCH", f"/customers/{made['id']}", {"name": "部分二"}, permissions=IN_PART).json()
    assert changed["phones"] == shown
    for query in ({"phone": number}, {"q": "部分二"}, {"q": "部分二", "sort": "name"}):
        [found] = api.call("GET", "/customers", permissions=IN_PART, **query).json()["items"]
        assert found["phones"] == shown, query
    text = api.call("GET", "/customers", permissions=IN_PART, phone=number, format="csv").content.decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text))
    assert row["phone"] == "'" + shown[0] and number not in text
    assert api.call("GET", f"/customers/{made['id']}").json()["phones"] == [number, other]
    warned = api.call("POST", "/customers", {"name": "另一", "phone": number}, permissions=IN_PART)
    assert number not in warned.text and warned.json()["warnings"][0]["matches"] == [{"id": made["id"], "name": "部分二"}]


def test_a_masked_number_sent_back_changes_nothing(api: Served) -> None:
    number = next(free)
    customer = make(api, phone=number).json()
    for body, field in (({"phone": masked(number)}, "phone"), ({"phones": [masked(number)]}, "phones.0")):
        refused = api.call("PATCH", f"/customers/{customer['id']}", body, permissions=IN_PART)
        assert (refused.status_code, refused.json()["errors"]) == (400, [{"field": field, "code": "phone_masked"}])
    refused = api.call("GET", "/customers", phone=masked(number))
    assert refused.json()["errors"] == [{"field": "phone", "code": "phone_masked"}]
    assert api.call("GET", f"/customers/{customer['id']}").json()["phones"] == [number]


def test_the_newest_word_holds(api: Served) -> None:
    customer = make(api).json()
    id = customer["id"]
    assert customer["consents"] == []
    for given, day in ((True, "2026-01-05"), (False, "2026-02-01"), (True, "2026-01-20")):
        assert consent(api, id, given=given, day=day).status_code == 201
    consent(api, id, kind="data_sharing", day="2026-02-02")
    in_force = [{"kind": "data_sharing", "given": True, "stated_on": "2026-02-02"},
                {"kind": "marketing", "given": False, "stated_on": "2026-02-01"}]
    found = api.call("GET", f"/customers/{id}").json()
    assert found["consents"] == in_force and found["version"] == 1
    consent(api, id, given=True, day="2026-02-01")
    assert {"kind": "marketing", "given": True, "stated_on": "2026-02-01"} in api.call("GET", f"/customers/{id}").json()["consents"]
    history = api.call("GET", "/consents", customer_id=id, kind="marketing", sort="stated_on", total="true").json()
    assert [one["stated_on"] for one in history["items"]] == ["2026-01-05", "2026-01-20", "2026-02-01", "2026-02-01"]
    [newest, *_] = api.call("GET", "/consents", customer_id=id).json()["items"]
    assert api.call("GET", f"/consents/{newest['id']}").json() == newest


@pytest.mark.parametrize(("changed", "status", "code"), [
    ({"stated_on": "2126-01-01"}, 400, "validation_failed"), ({"kind": "everything"}, 400, "validation_failed"),
    ({"channel": "rumour"}, 400, "validation_failed"), ({"given": None}, 400, "validation_failed"),
    ({"customer_id": str(uuid.uuid4())}, 422, "unknown_reference"), ({"note": "x"}, 400, "validation_failed"),
])
def test_bad_consents(api: Served, changed: dict[str, Any], status: int, code: str) -> None:
    body = {"customer_id": make(api).json()["id"], "kind": "marketing", "given": True, "stated_on": TODAY, "channel": "paper"}
    answer = api.call("POST", "/consents", {**body, **changed})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_sharing_is_logged(api: Served) -> None:
    id = make(api).json()["id"]
    body = {"customer_id": id, "basis": "consent", "recipient": "Falke GmbH", "purpose": "spare part under warranty",
            "data": ["contact", "devices", "contact"]}
    refused = api.call("POST", "/disclosures", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "consent_missing")
    consent(api, id, kind="data_sharing")
    shared = api.call("POST", "/disclosures", body).json()
    assert (shared["kind"], shared["data"], shared["created_by"]) == ("sharing", ["contact", "devices"], "ann")
    assert api.call("GET", "/disclosures", customer_id=id).json()["items"] == [shared]
    assert api.call("GET", f"/disclosures/{shared['id']}").json() == shared
    assert api.call("GET", "/disclosures", customer_id=id, kind="export").json()["items"] == []


def test_a_number_shown_to_who_works_on_an_order_is_logged_once(api: Served) -> None:
    customer = str(new_id())
    data = {"customer_id": customer, "work_order_id": str(new_id()), "work_order_number": "RE26110001"}
    event = envelope("aftersales.orders.reveal.created.v1", data, org_path="/HQ/N/S1/")
    assert [api.receive(event), api.receive(event)] == [Outcome.DONE, Outcome.DUPLICATE]
    [line] = api.call("GET", "/disclosures", customer_id=customer).json()["items"]
    told = {"kind": "reveal", "recipient": "somebody", "purpose": "RE26110001", "data": ["contact"], "basis": "contract"}
    assert {name: line[name] for name in told} == told


def test_export_begins_with_a_line_in_the_log(api: Served) -> None:
    number = next(free)
    id = make(api, phone=number).json()["id"]
    file = api.call("POST", f"/customers/{id}/export", {"purpose": "his request"}, permissions=("callcenter.customer.export",)).json()
    assert file["customer"]["phones"] == [number], "in full: that is what the file is for"
    [line] = api.call("GET", "/disclosures", customer_id=id).json()["items"]
    assert (line["kind"], line["recipient"], line["purpose"], line["basis"]) == ("export", None, "his request", None)
    refused = api.call("POST", f"/customers/{id}/export", {"purpose": "x"}, scope="/HQ/N/")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert api.call("POST", f"/customers/{uuid.uuid4()}/export", {"purpose": "x"}).status_code == 404
    assert len(api.call("GET", "/disclosures", customer_id=id).json()["items"]) == 1


def test_an_erased_customer(api: Served) -> None:
    number = next(free)
    id = make(api, name="被遗忘", phone=number).json()["id"]
    consent(api, id, kind="data_sharing")
    assert erase(api, id) is Outcome.DONE
    found = api.call("GET", f"/customers/{id}").json()
    assert (found["name"], found["phone"], found["phones"], found["version"]) == ("已抹除", None, [], 2)
    assert found["erased_at"].startswith("2026-11-22T08:00:00")
    assert [one["kind"] for one in found["consents"]] == ["data_sharing"], "what was allowed then stays to be shown"
    for query in ({"phone": number}, {"q": "被遗忘"}):
        assert api.call("GET", "/customers", **query).json()["items"] == []
    for method, path, body in (("PATCH", f"/customers/{id}", {"name": "被遗忘"}), ("PATCH", f"/customers/{id}", {"phone": number}),
                               ("POST", "/disclosures", {"customer_id": id, "basis": "law", "recipient": "x", "purpose": "x", "data": ["contact"]})):
        refused = api.call(method, path, body)
        assert (refused.status_code, refused.json()["code"]) == (409, "customer_erased"), path
    assert consent(api, id).json()["code"] == "customer_erased"
    told = [event for event in api.events(id) if event[0] == "customer.erased.v1"]
    [(_, sequence, data)] = told
    assert sequence == 2 and (data["name"], data["phones"]) == ("已抹除", [])
    assert [row.action for row in api.rows("SELECT action FROM journal WHERE entity_id = :id", id=id)] == ["erase"]


def test_told_twice_and_of_nobody(api: Served) -> None:
    id = make(api, phone=next(free)).json()["id"]
    assert erase(api, id) is Outcome.DONE and erase(api, id, "2027-01-01T00:00:00Z") is Outcome.DONE
    assert [event[0] for event in api.events(id)] == ["customer.created.v1", "customer.erased.v1"]
    assert api.call("GET", f"/customers/{id}").json()["erased_at"].startswith("2026-11-22")
    assert erase(api, str(new_id())) is Outcome.DONE, "a customer of a database that was restored to before him"


@pytest.mark.parametrize("table", ["consents", "disclosures"])
def test_the_database_lets_the_log_only_grow(api: Served, table: str) -> None:
    consent(api, make(api).json()["id"])
    url = make_url(api.database.app_url).set(drivername="postgresql").render_as_string(hide_password=False)
    for statement in (f"UPDATE {table} SET updated_by = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        connection = psycopg2.connect(url)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()
