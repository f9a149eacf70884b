"""Bad input: a whole problem document, a permanent code, nothing half saved."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from deploy.local.api import Answer
from tests.support.case import Case
from tests.support.client import AT_ONCE, Client, problem
from tests.support.company import Company, Site

UNKNOWN = "0199e3a1-6f00-7c3e-9a51-2f3b8d0c4e11"


@pytest.fixture
def site(company: Company) -> Site:
    return company.sites[0]


@pytest.fixture
def agent(site: Site) -> Client:
    return site.as_("agent")


def count(client: Client, path: str, **query: object) -> int:
    return int(client.get(path, total="true", limit=1, **query)["total"])


def order_body(site: Site, **fields: object) -> dict[str, object]:
    return {"kind": "repair", "channel": "counter", "site_id": site.id, "problem": "does not start", **fields}


# -- the body ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("raw", [b"{", b"{'a': 1}", b'{"name": "x"', b"\xff\xfe{}", b'{"name": NaN}'])
def test_malformed_json(agent: Client, raw: bytes):
    before = count(agent, "/customers")
    agent.refused("POST", "/customers", raw=raw, status=400, code="malformed_json")
    assert count(agent, "/customers") == before


def test_no_body_at_all(agent: Client):
    agent.invalid("POST", "/customers", None, ["name"])


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_json_that_is_no_object(agent: Client, body: object):
    agent.refused("POST", "/customers", raw=json.dumps(body).encode(), status=400, code="validation_failed")


def test_missing_fields_are_named_all_at_once(agent: Client, company: Company):
    before = count(agent, "/work-orders")
    agent.invalid("POST", "/work-orders", {}, ["kind", "channel", "site_id", "problem"])
    company.admin.invalid("POST", "/products", {"brand": "x"}, ["code", "name", "category", "warranty_months"])
    assert count(agent, "/work-orders") == before


def test_unknown_wrong_type_and_out_of_range_all_at_once(agent: Client, site: Site):
    body = order_body(site, kind="dance", channel=7, colour="red", site_id="not-an-id")
    agent.invalid("POST", "/work-orders", body, ["kind", "channel", "colour", "site_id"])


def test_fields_of_lines_are_named_by_path(company: Company, site: Site):
    lines = [{"part_id": company.parts[0]["id"], "quantity": 0, "unit_cost": "1.00"}, {"part_id": "x", "quantity": 1}]
    site.as_("storekeeper").invalid(
        "POST", "/stock-receipts", {"warehouse_id": site.good["id"], "lines": lines},
        ["lines.0.quantity", "lines.1.part_id", "lines.1.unit_cost"],
    )


@pytest.mark.parametrize("quantity", [0, -1, 1e12, 1.2345, "1", None, True, 1e-9])
def test_absurd_quantities(company: Company, site: Site, quantity: object):
    part = company.part()
    lines = [{"part_id": part["id"], "quantity": quantity, "unit_cost": "1.00"}]
    site.as_("storekeeper").invalid(
        "POST", "/stock-receipts", {"warehouse_id": site.good["id"], "lines": lines}, ["lines.0.quantity"]
    )
    assert company.stock(part["id"], site.good["id"]) == (0, 0, 0)


@pytest.mark.parametrize("price", ["1.005", "-1.00", "1e3", "", "abc", "１.00", 25, 1.5, "99999999999999.00", None, " 1.00"])
def test_money_is_a_decimal_string_with_two_places(company: Company, price: object):
    number = f"PT-{uuid.uuid4().hex[:12]}"
    company.admin.invalid("POST", "/parts", {"number": number, "name": "x", "unit": "pcs", "price": price}, ["price"])


def test_control_characters_in_text(company: Company, agent: Client, site: Site):
    agent.invalid("POST", "/customers", {"name": "Li\u0000Ming"}, ["name"])
    agent.invalid("POST", "/customers", {"name": "Li\u0007Ming"}, ["name"])
    agent.invalid("POST", "/work-orders", order_body(site, problem="bad\u0000\u001b[31m"), ["problem"])
    kept = agent.created("/work-orders", order_body(site, problem="first line\nsecond\tline"))
    assert kept["problem"] == "first line\nsecond\tline", "line breaks and tabs are text"
    company.admin.invalid(
        "POST", "/parts", {"number": "A\tB", "name": "x", "unit": "pcs", "price": "1.00"}, ["number"]
    )


def test_lone_surrogates_are_no_text(agent: Client):
    answer = agent.call("POST", "/customers", raw=b'{"name": "\\ud800"}')
    assert answer.status == 400 and answer.code in ("malformed_json", "validation_failed"), answer.raw


def test_body_over_the_size_limit(agent: Client, site: Site):
    raw = json.dumps(order_body(site, problem="x" * (12 << 20))).encode()
    answer = agent.call("POST", "/work-orders", raw=raw)
    problem(answer, 413, "payload_too_large", {})


def test_text_over_its_length(agent: Client, site: Site):
    agent.invalid("POST", "/work-orders", order_body(site, problem="x" * 100_000), ["problem"])


def test_another_content_type(agent: Client):
    answer = agent.call("POST", "/customers", raw=b"name=x", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status in (400, 415) and answer.code, answer.raw


def test_unreadable_phone(agent: Client):
    before = count(agent, "/customers")
    agent.invalid("POST", "/customers", {"name": "Li", "phone": "call me"}, ["phone"])
    agent.invalid("POST", "/customers", {"name": "Li", "phone": "12"}, ["phone"])
    assert count(agent, "/customers") == before


def test_phones_are_one_number_in_any_form(agent: Client):
    tail = f"{uuid.uuid4().int % 10**8:08d}"
    first = agent.created("/customers", {"name": "甲", "phone": f"138-{tail[:4]}-{tail[4:]}"})
    assert first["phone"] == f"+86138{tail}"
    second = agent.created("/customers", {"name": "乙", "phone": f"+86 138 {tail[:4]} {tail[4:]}"})
    assert second["warnings"][0]["code"] == "known_phone"
    assert first["id"] in json.dumps(second["warnings"][0]["matches"])
    for form in (f"138{tail}", f"+86138{tail}", f"0086 138 {tail}"):
        found = {item["id"] for item in agent.get("/customers", phone=form)["items"]}
        assert {first["id"], second["id"]} <= found, form


# -- days and moments --------------------------------------------------------------------------------------------
NO_DAYS = ("0000-01-01", "2026-02-30", "20260101", "2026-W01-1", "0001-01-01T00:00:00Z")
NO_MOMENTS = ("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-01-01T24:00:00Z",
              "2016-12-31T23:59:60Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+24:00", "2026-01-01")


@pytest.mark.parametrize(("path", "name", "texts"), [
    ("/payments", "received_on", NO_DAYS), ("/revisits", "due_by", NO_DAYS), ("/audit-log", "since", NO_MOMENTS),
    ("/audit-log", "until", NO_MOMENTS),
])
def test_filters_take_no_day_that_no_calendar_has(company: Company, path: str, name: str, texts: tuple[str, ...]):
    for text in texts:
        answer = company.admin.call("GET", path, query={name: text})
        problem(answer, 400, "validation_failed", {"errors": [{"field": name, "code": "bad_format"}]})
    for text in ("0001-01-01", "9999-12-31") if texts is NO_DAYS else ("2026-01-01T00:00:00+23:59", "0002-01-01T00:00:00-23:59"):
        assert company.admin.call("GET", path, query={name: text}).status == 200, text


def test_bodies_take_no_day_that_no_calendar_has(company: Company, agent: Client, site: Site):
    product, customer = company.make_product(months=12), agent.created("/customers", {"name": "甲"})
    consent = {"customer_id": customer["id"], "kind": "marketing", "given": True, "channel": "paper"}
    order = agent.created("/work-orders", order_body(site))
    assign = {"technician_id": site.technician["id"]}
    partner = {"name": "x", "org_unit_code": site.code, "scopes": ["orders.site.read"]}
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d")
    for day in (*NO_DAYS, "0001-01-01", "1799-12-31", "9999-12-31", tomorrow):
        agent.invalid("POST", "/devices", {"product_id": product["id"], "purchased_on": day}, ["purchased_on"])
        agent.invalid("POST", "/consents", {**consent, "stated_on": day}, ["stated_on"])
    for moment in (*NO_MOMENTS, "0002-01-01T00:00:00Z", "2020-01-01T00:00:00Z"):
        site.as_("dispatcher").invalid("POST", f"/work-orders/{order['id']}/assign", {**assign, "appointment_start": moment}, ["appointment_start"])
        company.admin.invalid("POST", "/partners", {**partner, "expires_at": moment}, ["expires_at"])


# -- ids ---------------------------------------------------------------------------------------------------------
def test_unknown_ids_in_the_path(agent: Client, site: Site):
    for path in (f"/work-orders/{UNKNOWN}", f"/customers/{UNKNOWN}", f"/devices/{UNKNOWN}", f"/work-orders/{UNKNOWN}/timeline"):
        agent.refused("GET", path, status=404, code="not_found")
    agent.refused("POST", f"/work-orders/{UNKNOWN}/cancel", {"reason": "x"}, status=404, code="not_found")
    site.as_("cashier").refused("POST", f"/bills/{UNKNOWN}/payments", {"method": "cash", "amount": "1.00"}, status=404,
                                code="not_found")
    answer = agent.call("GET", "/work-orders/not-an-id")
    assert answer.status in (400, 404) and answer.code in ("validation_failed", "not_found"), answer.raw
    agent.refused("GET", "/no-such-thing", status=404, code="not_found")


@pytest.mark.slow
def test_unknown_ids_in_a_body(agent: Client, site: Site, company: Company):
    before = count(agent, "/work-orders")
    for name in ("site_id", "customer_id", "device_id"):
        agent.refused("POST", "/work-orders", order_body(site, **{name: UNKNOWN}), status=422, code="unknown_reference",
                      members={"field": name}, headers=AT_ONCE)
    assert count(agent, "/work-orders") == before
    agent.refused("POST", "/devices", {"product_id": UNKNOWN}, status=422, code="unknown_reference",
                  members={"field": "product_id"})
    case = Case(company, site).register().assign().start().diagnose()
    quote = {"labour": [], "parts": [{"part_id": UNKNOWN, "quantity": 1}]}
    answer = case.attempt("technician", "quote", quote)
    problem(answer, 422, "unknown_reference", {"field": "parts.0.part_id"}) if answer.json["field"] != "part_id" else None
    assert (answer.status, answer.code) == (422, "unknown_reference")
    assert case.reload()["quote_version"] in (0, None), "nothing half saved"


@pytest.mark.slow
def test_a_reference_that_never_comes_is_answered_after_its_wait(agent: Client, site: Site):
    began = time.monotonic()
    agent.refused("POST", "/work-orders", order_body(site, customer_id=UNKNOWN), status=422, code="unknown_reference")
    assert 2.5 < time.monotonic() - began < 8


# -- who asks ----------------------------------------------------------------------------------------------------
def with_token(client: Client, token: str | None) -> Answer:
    stranger = Client(client.base, token=token)
    return stranger.call("GET", "/me")


def test_tokens(agent: Client):
    agent.get("/me")
    good = str(agent.token)
    claims = jwt.decode(good, options={"verify_signature": False})
    assert claims["iss"] == "aftersales" and claims["aud"] == "aftersales"
    forged_none = jwt.encode({**claims, "perms": ["*"]}, "", algorithm="none")
    forged_secret = jwt.encode({**claims, "perms": ["*"]}, "guess" * 10, algorithm="HS256")
    head, body, signature = good.split(".")
    tampered = ".".join([head, body[:-2] + ("AA" if body[-2:] != "AA" else "BB"), signature])
    for token in (None, "", "nonsense", forged_none, forged_secret, tampered, f"{head}.{body}."):
        problem(with_token(agent, token), 401, "unauthenticated", {}, str(token)[:40])
    assert with_token(agent, good).status == 200


def test_a_token_signed_by_another_key_or_expired(agent: Client):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    agent.get("/me")
    claims = jwt.decode(str(agent.token), options={"verify_signature": False})
    kid = jwt.get_unverified_header(str(agent.token)).get("kid")
    key = Ed25519PrivateKey.generate()
    for changed in ({}, {"exp": int(time.time()) - 10}):
        forged = jwt.encode({**claims, **changed}, key, algorithm="EdDSA", headers={"kid": kid} if kid else None)
        problem(with_token(agent, forged), 401, "unauthenticated", {})


def test_wrong_password_counts_and_locks(company: Company):
    """Section 9, Lock: four wrong passwords, the fifth locks, then the right one is refused too until unlocked."""
    username = f"locked-{uuid.uuid4().hex[:8]}"
    company.user(username, company.sites[0].code, ["agent"])
    wrong, right = company.client(username, "not the password"), company.client(username)

    def sign_in(client: Client) -> Answer:
        while True:
            answer = client.send("POST", "/api/v1/auth/token", json.dumps({"grant_type": "password", "username": username,
                                 "password": client.password}).encode(), {"Content-Type": "application/json"}, True)
            if answer.status != 429:
                return answer
            time.sleep(float(answer.headers.get("retry-after", 1)))

    for failures in (1, 2, 3, 4):
        document = problem(sign_in(wrong), 401, "unauthenticated", {})
        assert "limit" in document and document["limit"] == 5
        assert document["failures"] in (failures, None), "the count, or the same for every name"
    assert sign_in(wrong).status in (401, 423)
    problem(sign_in(right), 423, "account_locked", {})


def test_refresh_tokens_rotate(company: Company):
    client = company.sites[0].as_("agent")
    pair = client.sign_in()
    assert {"access_token", "refresh_token", "token_type", "expires_in"} <= set(pair)
    stranger = Client(client.base)
    renewed = stranger.call("POST", "/auth/token", {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]})
    assert renewed.status == 200 and renewed.json["refresh_token"] != pair["refresh_token"]
    again = stranger.call("POST", "/auth/token", {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]})
    assert again.status == 401


# -- state and uniqueness ----------------------------------------------------------------------------------------
def test_stale_version(company: Company):
    case = Case(company).register()
    version = case.order["version"]
    case.assign()
    path = f"/work-orders/{case.id}/start"
    technician = case.site.as_("technician")
    for stale in (str(version), f'"{version}"'):
        technician.refused("POST", path, {}, status=409, code="stale_version", headers={"If-Match": stale})
    assert case.reload()["state"] == "registered"
    answer = technician.call("POST", path, {}, headers={"If-Match": str(case.order["version"])})
    assert answer.status == 200, answer.raw


def test_illegal_move_tells_state_and_actions(company: Company):
    case = Case(company).register()
    answer = case.attempt("manager", "check", {"passed": True})
    document = problem(answer, 409, "bad_transition", {"state": "registered"})
    assert set(document["allowed_actions"]) == {"assign", "start", "cancel"}
    assert case.reload()["version"] == 1


def test_a_part_twice_in_one_receipt(company: Company):
    site, part = company.sites[0], company.part()
    row = {"part_id": part["id"], "quantity": 1, "unit_cost": "1.00"}
    site.as_("storekeeper").refused(
        "POST", "/stock-receipts", {"warehouse_id": site.good["id"], "lines": [row, row]}, status=422, code="duplicate_line"
    )
    assert company.stock(part["id"], site.good["id"]) == (0, 0, 0)


def test_a_part_twice_in_a_quote(company: Company):
    case = Case(company).register().assign().start().diagnose()
    row = {"part_id": company.parts[0]["id"], "quantity": 1}
    answer = case.attempt("technician", "quote", {"labour": [], "parts": [row, row]})
    problem(answer, 422, "duplicate_line", {})


def test_serial_numbers_are_unique_per_product(company: Company):
    agent, serial = company.sites[0].as_("agent"), f"SN-{uuid.uuid4().hex[:10]}"
    body = {"product_id": company.product["id"], "serial_number": serial}
    agent.created("/devices", body)
    agent.refused("POST", "/devices", body, status=409, code="duplicate", members={"field": "serial_number"})
    agent.created("/devices", {**body, "product_id": company.make_product()["id"]})


def test_masters_are_unique(company: Company):
    admin = company.admin
    part = company.parts[0]
    admin.refused("POST", "/parts", {"number": part["number"], "name": "x", "unit": "pcs", "price": "1.00"}, status=409,
                  code="duplicate", members={"field": "number"})
    product = {name: company.product[name] for name in ("code", "name", "brand", "category", "warranty_months")}
    admin.refused("POST", "/products", product, status=409, code="duplicate", members={"field": "code"})
    admin.refused("POST", "/org-units", {"code": company.north.code, "name": "x", "kind": "branch", "parent_code": "HQ"},
                  status=409, code="duplicate", members={"field": "code"})
    admin.refused("POST", "/users", {"username": "ADMIN".lower(), "name": "x", "org_unit_code": "HQ", "roles": ["agent"]},
                  status=409, code="duplicate", members={"field": "username"})


@pytest.mark.slow
def test_a_site_belongs_to_a_unit_of_kind_site(company: Company):
    admin, code = company.admin, f"X-{uuid.uuid4().hex[:8]}"
    branch = admin.call("POST", "/sites", {"code": code, "name": "x", "org_unit_code": company.north.code})
    assert branch.status in (400, 422) and branch.code in ("validation_failed", "unknown_reference"), branch.raw
    zone = admin.call("POST", "/sites", {"code": code, "name": "x", "org_unit_code": company.sites[0].code, "time_zone": "Mars"})
    assert (zone.status, zone.code) == (400, "validation_failed"), zone.raw


# -- lists -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/work-orders", "/customers", "/parts", "/bills", "/stock", "/revisits"])
def test_list_parameters(company: Company, path: str):
    manager = company.sites[0].as_("manager")
    for limit in (0, -1, 201, "x"):
        manager.refused("GET", path, query={"limit": limit}, status=400, code="bad_limit")
    manager.refused("GET", path, query={"sort": "colour"}, status=400, code="bad_sort")
    answer = manager.call("GET", path, query={"cursor": "nonsense"})
    assert answer.status == 400 and answer.code in ("bad_cursor", "validation_failed"), answer.raw
    assert manager.call("GET", path, query={"limit": 200}).status == 200


def test_unknown_filters_are_refused(company: Company):
    answer = company.admin.call("GET", "/work-orders", query={"colour": "red"})
    assert (answer.status, answer.code) == (400, "validation_failed"), answer.raw


def test_problems_speak_the_callers_language(agent: Client):
    for language, other in (("zh-CN", "en"), ("en", "zh-CN"), ("fr, zh;q=0.5", "en")):
        titles = {
            name: agent.call("GET", f"/customers/{UNKNOWN}", headers={"Accept-Language": name}).json["title"]
            for name in (language, other)
        }
        assert titles[language] != titles[other]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in agent.call(
        "GET", f"/customers/{UNKNOWN}", headers={"Accept-Language": "zh-CN"}).json["title"])
