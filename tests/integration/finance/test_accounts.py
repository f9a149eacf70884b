"""Accounts of the company's own beside those of the release (F-22), and counterparties."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg2.errors as refused
import pytest

from tests.integration.finance.conftest import Site
from tests.integration.finance.shared import Document, party
from tests.integration.finance.test_ledger import as_application
from tests.integration.finance.test_payments import pay
from tests.support.orders_events import WORKED, billing
from tests.support.serving import Served


def account(api: Served, **more: Any) -> Document:
    code = uuid.uuid4().hex[:12]
    body = {"code": f"Bank {code}", "number": f"1002.{code}", "nature": "asset", "name_zh": "建行基本户", "method": "bank", **more}
    made = api.call("POST", "/accounts", body)
    assert made.status_code == 201, made.text
    found: Document = made.json()
    return found


def test_money_goes_to_an_account_of_the_companys_own(api: Served, site: Site) -> None:
    own = account(api)
    assert (own["system"], own["active"], own["balance"], own["name_en"]) == (False, True, "0.00", "建行基本户")
    bill = site.bill(billing=billing(*WORKED))
    paid = pay(api, bill, "100.00", "bank").json()
    assert paid["account_code"] == "bank"
    named = api.call("POST", f"/bills/{bill['id']}/payments", {"method": "bank", "amount": "14.81", "account_code": own["code"].upper()}).json()
    assert named["account_code"] == own["code"]
    assert api.call("GET", f"/accounts/{own['id']}").json()["balance"] == "14.81"
    for wrong in ({"method": "cash", "account_code": own["code"]}, {"method": "bank", "account_code": "output_tax"}, {"method": "bank", "account_code": "none"}):
        answer = api.call("POST", f"/bills/{bill['id']}/payments", {"amount": "1.00", **wrong})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "unknown_reference", "account_code")
    assert api.call("POST", f"/accounts/{own['id']}/delete", {}).json()["code"] == "has_movements"
    closed = api.call("PATCH", f"/accounts/{own['id']}", {"active": False, "name_zh": "旧户"}).json()
    assert (closed["active"], closed["name_zh"]) == (False, "旧户")
    answer = api.call("POST", f"/bills/{bill['id']}/payments", {"method": "bank", "amount": "1.00", "account_code": own["code"]})
    assert answer.json()["code"] == "unknown_reference"


def test_accounts_of_the_release_stay(api: Served) -> None:
    own = account(api)
    for field in ("code", "number"):
        twice = api.call("POST", "/accounts", {"code": f"x{uuid.uuid4().hex[:9]}", "number": f"9.{uuid.uuid4().hex[:9]}", "nature": "asset", "name_zh": "x"} | {field: own[field]})
        assert (twice.status_code, twice.json()["code"], twice.json()["field"]) == (409, "duplicate", field)
    [cash] = api.call("GET", "/accounts", code="CASH").json()["items"]
    for method, path, body in (("PATCH", "", {"name_zh": "x"}), ("POST", "/delete", {})):
        answer = api.call(method, f"/accounts/{cash['id']}{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "system_account")
    gone = api.call("POST", f"/accounts/{own['id']}/delete", {})
    assert gone.status_code == 200 and api.call("GET", f"/accounts/{own['id']}").status_code == 404
    for statement in ("UPDATE accounts SET name_zh = 'x' WHERE code = 'cash'", "DELETE FROM accounts WHERE code = 'cash'"):
        with pytest.raises(refused.InsufficientPrivilege), as_application(api) as cursor:
            cursor.execute(statement)




def test_counterparties_are_kept_and_told(api: Served) -> None:
    made = party(api, "company", term_days=45)
    assert (made["kind"], made["term_days"], made["active"]) == ("company", 45, True)
    changed = api.call("PATCH", f"/counterparties/{made['id']}", {"active": False, "name": "国寿财险"}).json()
    assert (changed["active"], changed["name"], changed["version"]) == (False, "国寿财险", 2)
    told = {"kind": "company", "code": made["code"]}
    assert api.events(made["id"]) == [("counterparty.created.v1", 1, {**told, "name": "人保财险", "active": True}),
                                      ("counterparty.changed.v1", 2, {**told, "name": "国寿财险", "active": False})]  # fmt: skip
    assert [one["id"] for one in api.call("GET", "/counterparties", code=made["code"].lower()).json()["items"]] == [made["id"]]
    assert api.call("POST", "/counterparties", {"kind": "insurer", "code": made["code"], "name": "x"}).json()["field"] == "code"
    for wrong in ({"kind": "customer"}, {"term_days": -1}, {"code": "a/b"}, {"name": ""}):
        answer = api.call("POST", "/counterparties", {"kind": "maker", "code": f"Q{uuid.uuid4().hex[:9]}", "name": "x", **wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


def test_a_customer_is_a_party_and_no_counterparty(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED), customer_id=str(uuid.uuid4()))
    assert [row.kind for row in api.rows("SELECT kind FROM parties WHERE id = :id", id=bill["customer_id"])] == ["customer"]
    assert api.call("GET", f"/counterparties/{bill['customer_id']}").status_code == 404
