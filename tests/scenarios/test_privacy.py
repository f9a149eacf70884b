"""C-04 through the gateway: whoever calls customers sees whole numbers and nobody else does; one file tells everything about one
person; an erased customer is gone everywhere, and his documents and amounts are not."""

import json
import uuid
from contextlib import closing
from typing import Any

import pytest

from tests.scenarios.test_streams import Stream
from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import Company, new_phone
from tests.support.suites import RunningSuite

WORD = "已抹除"
PART = {"dispatcher", "technician", "storekeeper", "cashier"}
REASON = {"reason": "asked to be forgotten"}
LISTS = ("consents", "disclosures", "revisits", "follow_ups", "devices", "work_orders", "bills", "payments", "credits", "refunds")


def masked(number: str) -> str:
    return f"{number[:6]}****{number[-4:]}"


def erased(admin: Client, customer: str) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        found: dict[str, Any] = admin.get(f"/customers/{customer}")
        return found if found["erased_at"] else None

    return eventually(there, "customer service has heard of the erasure")


def test_who_sees_whole_numbers(company: Company):
    site = company.sites[0]
    customer = company.customer(by=site.as_("agent"))
    number = customer["phone"]
    for role in ("agent", "manager", *sorted(PART)):
        client = site.as_(role)
        shown = masked(number) if role in PART else number
        assert client.get(f"/customers/{customer['id']}")["phones"] == [shown], role
        [found] = client.get("/customers", phone=number)["items"]
        assert found["phone"] == shown, "found by the whole number, however it is shown"
        assert ("callcenter.customer.see_full" in client.get("/me")["permissions"]) is (role not in PART)
        for form in ("csv", "xlsx"):
            file = client.call("GET", "/customers", query={"phone": number, "format": form})
            assert file.status == 200 and (form == "xlsx" or (number.encode() in file.raw) is (role not in PART))
    refused = site.as_("agent").call("PATCH", f"/customers/{customer['id']}", {"phone": masked(number)})
    assert refused.json["errors"] == [{"field": "phone", "code": "phone_masked"}]


def test_partners_see_what_their_scopes_allow(company: Company):
    number = company.customer(by=company.sites[0].as_("agent"))["phone"]
    for scopes, shown in ((["callcenter.customer.read"], masked(number)),
                          (["callcenter.customer.read", "callcenter.customer.see_full"], number)):
        body = {"name": f"p-{uuid.uuid4().hex[:8]}", "org_unit_code": company.sites[0].code, "scopes": scopes,
                "expires_at": "2099-01-01T00:00:00Z"}
        made = company.admin.created("/partners", body)
        form = {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": made["client_secret"]}
        token = company.admin.call("POST", "/auth/client-token", form).json["access_token"]
        partner = Client(company.admin.base, token=token)
        assert partner.get("/customers", phone=number)["items"][0]["phone"] == shown


def test_a_phone_is_not_told_digit_by_digit(company: Company):
    phone = new_phone()
    customer = company.customer(phone)
    site = company.sites[0]
    order = site.as_("agent").created("/work-orders", {
        "kind": "repair", "channel": "phone", "site_id": site.id, "problem": "x", "customer_id": customer["id"]})

    def found(client: Client, q: str) -> bool:
        return order["id"] in {item["id"] for item in client.pages("/work-orders", q=q)}

    assert found(site.as_("agent"), phone[:8]) and not found(site.as_("technician"), phone[:8])
    assert found(site.as_("technician"), phone) and found(site.as_("technician"), f"+86 {phone}")


def test_one_file_tells_everything(company: Company):
    case = Case(company).walk("100.00", "114.81")
    stranger = Case(company).register()
    customer = case.customer["id"]
    for number in range(205):  # more than a page
        body = {"customer_id": customer, "kind": "marketing", "given": number % 2 == 0, "stated_on": "2026-01-01", "channel": "paper"}
        company.admin.created("/consents", body)
    agent = company.sites[0].as_("agent")
    agent.refused("POST", f"/customers/{customer}/export", {"purpose": "x"}, status=403, code="forbidden")
    answer = company.admin.call("POST", f"/customers/{customer}/export", {"purpose": "his request"})
    assert answer.status == 200 and answer.headers["content-disposition"] == 'attachment; filename="customers.json"'
    assert answer.headers["cache-control"] == "no-store"
    file = json.loads(answer.raw)
    assert set(file) == {"exported_at", "exported_by", "customer", *LISTS}
    assert file["customer"]["phones"] == [case.customer["phone"]] and file["exported_by"] == "admin"
    assert len(file["consents"]) == len({one["id"] for one in file["consents"]}) == 205
    counts = {name: len(file[name]) for name in LISTS if name != "consents"}
    assert counts == {"disclosures": 1, "revisits": 1, "follow_ups": 0, "devices": 1, "work_orders": 1, "bills": 1, "payments": 2, "credits": 0, "refunds": 0}
    assert file["work_orders"][0]["id"] == case.id and file["bills"][0]["customer_total"] == "214.81"
    assert file["disclosures"][0]["kind"] == "export", "the file tells of itself"
    assert stranger.id not in answer.raw.decode()
    [logged] = company.admin.get("/disclosures", customer_id=customer)["items"]
    assert (logged["purpose"], logged["created_by"], logged["recipient"]) == ("his request", "admin", None)


@pytest.mark.parametrize(("body", "status"), [({}, 400), ({"purpose": " "}, 400), ({"purpose": "x", "all": True}, 400)])
def test_an_export_that_is_refused_says_why_and_is_not_logged(company: Company, body: dict[str, Any], status: int):
    customer = company.customer()["id"]
    company.admin.refused("POST", f"/customers/{customer}/export", body, status=status, code="validation_failed")
    company.admin.refused("POST", f"/customers/{uuid.uuid4()}/export", {"purpose": "x"}, status=404, code="not_found")
    assert company.admin.get("/disclosures", customer_id=customer)["items"] == []


def test_a_branch_gets_no_part_that_looks_like_the_whole(company: Company):
    customer = company.customer()["id"]
    username = f"branch-admin-{company.mark}".lower()
    company.user(username, company.north.code, ["admin"])
    branch: Client = company.client(username)
    for verb, body in (("export", {"purpose": "x"}), ("erase", REASON)):
        branch.refused("POST", f"/customers/{customer}/{verb}", body, status=403, code="forbidden")
    assert branch.get(f"/customers/{customer}")["allowed_actions"] == ["take-in"], "whom nobody serves"
    assert company.admin.get(f"/customers/{customer}")["allowed_actions"] == ["export", "erase"]


def test_erasure(suite: RunningSuite, company: Company):
    """Refused while anything is open, step by step; then gone everywhere, for ever."""
    admin, case = company.admin, Case(company).to_ready()
    customer, path = case.customer["id"], f"/customers/{case.customer['id']}/erase"
    number = case.customer["phone"]
    case.billed()

    def open_kinds() -> list[str]:
        return [one["kind"] for one in admin.refused("POST", path, REASON, status=409, code="open_documents")["documents"]]

    eventually(lambda: open_kinds() == ["work_order", "bill"], "orders knows the bill")
    case.pay().hand_over()
    eventually(lambda: open_kinds() == ["work_order", "revisit"], "orders knows the revisit")
    case.revisit().audit()
    before, bill = case.reload(), case.bill
    assert admin.call("POST", path, REASON).json["name"] == WORD

    found = erased(admin, customer)
    assert (found["name"], found["phone"], found["phones"], found["allowed_actions"]) == (WORD, None, [], ["export"])
    after = case.reload()
    assert (after["customer_name"], after["received_by"], after["quote"]["approved_by"]) == (WORD, WORD, WORD)
    assert after["customer_id"] == customer and after["billing"] == before["billing"] and after["number"] == before["number"]
    assert admin.get(f"/bills/{bill['id']}")["customer_total"] == bill["customer_total"]
    assert "李明" not in json.dumps(admin.get(f"/work-orders/{case.id}/timeline", limit=200), ensure_ascii=False)
    assert admin.get("/customers", phone=number)["items"] == [] == admin.get("/work-orders", q=number)["items"]

    order = {"kind": "repair", "channel": "phone", "site_id": case.site.id, "problem": "x", "customer_id": customer}
    for method, target, body in (
        ("POST", "/work-orders", order), ("POST", "/devices", {"product_id": company.product["id"], "customer_id": customer}),
        ("PATCH", f"/customers/{customer}", {"name": "李明"}), ("POST", path, REASON),
    ):
        admin.refused(method, target, body, status=409, code="customer_erased")
    file = json.loads(admin.call("POST", f"/customers/{customer}/export", {"purpose": "proof"}).raw)
    assert "李明" not in json.dumps(file, ensure_ascii=False) and len(file["work_orders"]) == 1
    assert admin.call("POST", f"/work-orders/{case.id}/unaudit", {"reason": "wrong bill"}).ok, "books stay correctable"
    told = json.loads(suite.here("reconcile", "--json", "--wait", "20").stdout)
    assert told["invariants"]["9"] and not told["offenders"], told["offenders"]


def test_an_erased_customers_account_is_closed(suite: RunningSuite, company: Company):
    """G-10: who signed in as him is out, his open stream too, and nobody signs in as him again."""
    customer = company.customer()
    party = company.party("customer", customer_id=customer["id"])
    somebody, other = company.outsider(party), company.outsider(company.party("customer", customer_id=company.customer()["id"]))
    with closing(Stream(somebody)) as stream, closing(Stream(other)):
        assert somebody.get("/me")["party_kind"] == "customer"
        eventually(lambda: company.admin.call("POST", f"/customers/{customer['id']}/erase", REASON).ok, "orders knows the customer")
        assert [data for _, event, data in stream.messages() if event != "message"] == [], "the stream ends with the account"
    held = Client(company.admin.base, token=somebody.token)
    assert held.call("GET", "/work-orders").status == 401
    body = {"grant_type": "password", "username": somebody.username, "password": somebody.password}
    held.refused("POST", "/auth/token", body, status=401, code="unauthenticated")
    assert other.call("GET", "/me").status == 200
    shown = company.admin.get(f"/parties/{party['id']}")
    assert (shown["name"], shown["ended"]) == (WORD, True) and shown["erased_at"]
    told = json.loads(suite.here("reconcile", "--json", "--wait", "20").stdout)
    assert not [one for one in told["offenders"] if party["id"] in str(one) or customer["id"] in str(one)], told["offenders"]


def test_a_change_and_an_erasure_at_once(company: Company):
    """Whatever order they come in: nobody is named in the end."""
    customers = [company.customer() for _ in range(6)]

    def erase_and_change(customer: dict[str, Any]) -> None:
        path = f"/customers/{customer['id']}"
        eventually(lambda: company.admin.call("POST", f"{path}/erase", REASON).ok, "orders knows the customer")
        company.admin.call("PATCH", path, {"name": "谁来了", "phone": new_phone()})

    for customer in customers:
        erase_and_change(customer)
    for customer in customers:
        found = erased(company.admin, customer["id"])
        assert (found["name"], found["phones"]) == (WORD, [])
        assert company.admin.refused("POST", "/devices", {"product_id": company.product["id"], "customer_id": customer["id"]},
                                     status=409, code="customer_erased")
