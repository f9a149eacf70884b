"""Partners' systems (G-25), over HTTP on two processes: keys, tokens, scopes, addresses, dry runs, the call log."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import requests

from tests.integration.gateway.conftest import PASSWORD, Branch, Caller, Gateway, mark
from tests.integration.gateway.test_sign_in import refused

SCOPES = ["orders.work_order.create", "orders.work_order.read"]
ORDER = {"kind": "repair", "channel": "partner", "site_id": "0190b0c0-0000-7000-8000-000000000001", "problem": "x"}
FORM = "application/x-www-form-urlencoded"


class Partner:
    """A partner's system as it was set up, and how it gets tokens."""

    def __init__(self, gateway: Gateway, admin: Caller, unit: str, **members: Any) -> None:
        self.gateway, self.admin = gateway, admin
        body = {"name": f"经销商 {mark()}", "org_unit_code": unit, "scopes": SCOPES, "expires_at": soon(days=30), **members}
        made = admin.call("POST", "/partners", body)
        assert made.status_code == 201, made.text
        self.document: dict[str, Any] = made.json()
        self.id, self.client_id, self.secret = (self.document[name] for name in ("id", "client_id", "client_secret"))

    def ask(self, process: int = 0, secret: str | None = None, headers: dict[str, str] | None = None, **body: str) -> requests.Response:
        whole = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": secret or self.secret, **body}
        return requests.post(
            f"{self.gateway.bases[process]}/api/v1/auth/client-token", data=whole,
            headers={"Accept-Language": "en", **(headers or {})}, timeout=20,
        )  # fmt: skip

    def token(self, process: int = 0, **options: Any) -> Caller:
        answer = self.ask(process, **options)
        assert answer.status_code == 200, answer.text
        return Caller(self.gateway.bases[process], answer.json()["access_token"])

    def act(self, verb: str, body: Any = None) -> dict[str, Any]:
        answer = self.admin.call("POST", f"/partners/{self.id}/{verb}", body or {})
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def change(self, **members: Any) -> dict[str, Any]:
        answer = self.admin.call("PATCH", f"/partners/{self.id}", members)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def calls(self, **query: Any) -> list[dict[str, Any]]:
        found = self.admin.call("GET", f"/partner-calls?{urlencode({'partner_id': self.id, 'limit': 200, **query})}")
        assert found.status_code == 200, found.text
        items: list[dict[str, Any]] = found.json()["items"]
        return items


def soon(**how: float) -> str:
    return (datetime.now(UTC) + timedelta(**how)).isoformat()


def oauth(answer: requests.Response, status: int, code: str, error: str) -> dict[str, Any]:
    """A problem document that is an OAuth2 error as well."""
    problem = refused(answer, status, code)
    assert problem["error"] == error and problem["error_description"].isascii()
    return problem


@pytest.fixture
def partner(gateway: Gateway, admin: Caller, branch: Branch) -> Partner:
    return Partner(gateway, admin, branch.site)


# ---------------------------------------------------------------- setting up
def test_the_secret_is_shown_once_and_stored_hashed(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    body = {"name": "经销商", "org_unit_code": branch.site, "scopes": SCOPES, "expires_at": soon(days=1)}
    key = {"Idempotency-Key": mark()}
    made = admin.call("POST", "/partners", body, headers=key).json()
    again = admin.call("POST", "/partners", body, headers=key).json()
    assert again == {name: value for name, value in made.items() if name != "client_secret"}, "told once"
    shown = admin.call("GET", f"/partners/{made['id']}").json()
    assert "client_secret" not in shown and shown["scopes"] == SCOPES and shown["org_path"] == branch.site_path
    assert shown["allowed_actions"] == ["rotate-key", "revoke-key", "disable"] and len(shown["keys"]) == 1
    for table in ("partners", "partner_keys", "journal", "idempotency", "audit_entries", "outbox"):
        text = "".join(str(dict(row._mapping)) for row in gateway.rows(f"SELECT *, {table}::text AS whole FROM {table}"))
        assert made["client_secret"] not in text, table
    journal = gateway.rows("SELECT action, actor FROM journal WHERE entity_id = :id", id=made["id"])
    assert [tuple(row) for row in journal] == [("create", "admin")]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"scopes": []}, "scopes"), ({"scopes": ["orders.work_order.fly"]}, "scopes.0"), ({"scopes": ["*"]}, "scopes.0"),
        ({"scopes": ["orders.*"]}, "scopes.0"), ({"scopes": [*SCOPES, "gateway.partner.create"]}, "scopes.2"),
        ({"networks": ["10.0.0.0/33"]}, "networks.0"), ({"networks": ["10.0.0.1", "somewhere"]}, "networks.1"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"), ({"expires_at": "tomorrow"}, "expires_at"),
        ({"requests_per_second": 0}, "requests_per_second"), ({"name": " "}, "name"),
    ],
)  # fmt: skip
def test_bad_partners(admin: Caller, branch: Branch, members: dict[str, Any], field: str) -> None:
    body = {"name": "x", "org_unit_code": branch.site, "scopes": SCOPES, "expires_at": soon(days=1), **members}
    problem = refused(admin.call("POST", "/partners", body), 400, "validation_failed")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_nobody_grants_what_he_lacks(gateway: Gateway, admin: Caller, branch: Branch, partner: Partner) -> None:
    """Nor takes over a partner that may more than he: the next secret would be in his hands."""
    rights = ["gateway.partner.create", "gateway.partner.rotate_key", "gateway.partner.update", "gateway.partner.read",
              "orders.work_order.read"]
    role = {"code": f"r{mark()}", "name_zh": "接口", "name_en": "keys", "permissions": rights}
    assert admin.call("POST", "/roles", role).status_code == 201
    keeper = gateway.as_(branch.user([role["code"]], branch.code)["username"])
    body = {"name": "x", "org_unit_code": branch.site, "scopes": SCOPES, "expires_at": soon(days=1)}
    refused(keeper.call("POST", "/partners", body), 403, "forbidden")
    assert keeper.call("POST", "/partners", {**body, "scopes": SCOPES[1:]}).status_code == 201
    refused(keeper.call("POST", f"/partners/{partner.id}/rotate-key", {}), 403, "forbidden")
    refused(keeper.call("PATCH", f"/partners/{partner.id}", {"networks": []}), 403, "forbidden")
    refused(keeper.call("POST", "/partners", {**body, "org_unit_code": "HQ", "scopes": SCOPES[1:]}), 422, "unknown_reference")
    stranger = gateway.as_(Branch(admin, gateway).user([role["code"]])["username"])
    refused(stranger.call("GET", f"/partners/{partner.id}"), 404, "not_found")
    assert partner.id not in {one["id"] for one in stranger.call("GET", "/partners?limit=200").json()["items"]}


def test_no_user_has_a_partners_name(admin: Caller, branch: Branch) -> None:
    body = {"username": "Partner:pc-1", "name": "x", "org_unit_code": branch.site, "roles": [], "password": PASSWORD}
    refused(admin.call("POST", "/users", body), 400, "validation_failed")


# ---------------------------------------------------------------- tokens
def test_a_token_as_oauth_clients_get_it(gateway: Gateway, partner: Partner) -> None:
    url = f"{gateway.bases[1]}/api/v1/auth/client-token"
    grant, auth = {"grant_type": "client_credentials"}, (partner.client_id, partner.secret)
    named = {**grant, "client_id": partner.client_id, "client_secret": partner.secret}
    ways = [
        requests.post(url, data=grant, auth=auth, timeout=20),
        requests.post(url, data={**grant, "client_id": partner.client_id, "audience": "ignored"}, auth=auth, timeout=20),
        requests.post(url, data=named, timeout=20),
        requests.post(url, json=named, timeout=20),
        requests.post(url, json=grant, auth=auth, timeout=20),
    ]
    for answer in ways:
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store" and answer.headers["content-type"] == "application/json"
        token = answer.json()
        assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 900, " ".join(SCOPES))
        claims = jwt.decode(token["access_token"], options={"verify_signature": False})
        assert claims["username"] == f"partner:{partner.client_id}" and claims["perms"] == SCOPES
    me = Caller(gateway.bases[0], ways[0].json()["access_token"]).call("GET", "/me").json()
    assert (me["username"], me["permissions"]) == (f"partner:{partner.client_id}", SCOPES)


def test_what_oauth_clients_are_refused(gateway: Gateway, partner: Partner) -> None:
    wrong = oauth(partner.ask(secret="ask_wrong"), 401, "unauthenticated", "invalid_client")
    nobody = oauth(partner.ask(client_id="pc-nobody"), 401, "unauthenticated", "invalid_client")
    assert {**wrong, "trace_id": ""} == {**nobody, "trace_id": ""}, "which clients there are is not told"
    assert partner.ask(secret="x").headers["www-authenticate"].startswith("Basic ")
    oauth(partner.ask(grant_type="password"), 400, "unsupported_grant_type", "unsupported_grant_type")
    missing = oauth(partner.ask(scope="orders.work_order.read finance.bill.read"), 400, "invalid_scope", "invalid_scope")
    assert missing["scope"] == "finance.bill.read"
    url = f"{gateway.bases[0]}/api/v1/auth/client-token"
    auth = (partner.client_id, partner.secret)
    both = requests.post(url, data={"grant_type": "client_credentials", "client_secret": partner.secret}, auth=auth, timeout=20)
    oauth(both, 400, "validation_failed", "invalid_request")
    oauth(requests.post(url, data={}, timeout=20), 400, "validation_failed", "invalid_request")
    twice = requests.post(url, data="grant_type=client_credentials&scope=a&scope=b", headers={"content-type": FORM}, timeout=20)
    refused(twice, 400, "validation_failed")
    for bad in ("Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), "Basic " + base64.b64encode(b"\xff:\xff").decode()):
        answer = requests.post(url, data={"grant_type": "client_credentials"}, headers={"Authorization": bad}, timeout=20)
        oauth(answer, 401, "unauthenticated", "invalid_client")
    in_address = requests.post(f"{url}?client_secret=x", data={"grant_type": "client_credentials"}, timeout=20)
    refused(in_address, 400, "validation_failed")


def test_a_narrower_token(partner: Partner) -> None:
    caller = partner.token(scope="orders.work_order.read")
    assert caller.call("GET", "/work-orders").status_code == 200
    answer = caller.call("POST", "/work-orders", ORDER)
    assert refused(answer, 403, "scope_missing")["scope"] == "orders.work_order.create"
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="orders.work_order.create"'


def test_failed_tries_are_logged_with_who_claimed_to_be(partner: Partner, admin: Caller) -> None:
    partner.ask(secret="ask_secret-nobody-has")
    assert [call["status"] for call in partner.calls(operation="gateway.partners.token")] == [401]
    entries = admin.call("GET", f"/audit-log?username=partner:{partner.client_id}").json()["items"]
    assert [entry["status"] for entry in entries] == [401] and entries[0]["content"]["client_secret"] == "***"


def test_services_are_for_scopes_and_sessions_for_people(partner: Partner) -> None:
    caller = partner.token()
    for path, body in (("/auth/logout", {}), ("/auth/unlock", {"password": "x"}), ("/streams/me", None)):
        refused(caller.call("GET" if body is None else "POST", path, body), 403, "forbidden")
    assert caller.call("GET", "/work-orders").status_code == 200, "and its token lives on"


# ---------------------------------------------------------------- rotation, expiry, revocation
def test_two_keys_are_valid_during_rotation(gateway: Gateway, partner: Partner) -> None:
    old = partner.token()
    rotated = partner.act("rotate-key", {"overlap_hours": 1})
    new_secret = rotated["client_secret"]
    assert new_secret != partner.secret and [key["valid"] for key in rotated["keys"]] == [True, True]
    assert partner.token(1, secret=new_secret) and partner.token(1), "both give tokens"
    assert old.call("GET", "/work-orders").status_code == 200
    third = partner.admin.call("POST", f"/partners/{partner.id}/rotate-key", {})
    refused(third, 409, "two_keys_valid")
    gateway.write("UPDATE partner_keys SET ends_at = now() - interval '1 second' WHERE id = :id", id=rotated["keys"][1]["key_id"])
    oauth(partner.ask(), 401, "key_expired", "invalid_client")
    assert partner.token(secret=new_secret)
    assert partner.act("rotate-key")["client_secret"], "the next rotation may begin"


def test_two_rotations_at_once_leave_two_keys(partner: Partner) -> None:
    def rotate(_: int) -> int:
        return partner.admin.call("POST", f"/partners/{partner.id}/rotate-key", {}).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(rotate, range(6))) == [200, 409, 409, 409, 409, 409]


def test_a_token_does_not_outlive_its_key_or_its_partner(gateway: Gateway, partner: Partner) -> None:
    gateway.write("UPDATE partner_keys SET ends_at = now() + interval '40 seconds' WHERE partner_id = :id", id=partner.id)
    assert partner.ask().json()["expires_in"] <= 40
    gateway.write("UPDATE partner_keys SET ends_at = NULL WHERE partner_id = :id", id=partner.id)
    partner.change(expires_at=soon(seconds=30))
    assert partner.ask().json()["expires_in"] <= 30
    partner.change(expires_at=soon(seconds=-1))
    oauth(partner.ask(), 401, "key_expired", "invalid_client")
    assert partner.admin.call("GET", f"/partners/{partner.id}").json()["expired"] is True


STOPS: dict[str, tuple[Callable[[Partner], Any], int, str]] = {
    "disabled": (lambda partner: partner.act("disable"), 403, "account_disabled"),
    "key revoked": (lambda partner: partner.act("revoke-key", {"key_id": partner.document["keys"][0]["key_id"]}), 401, "unauthenticated"),
    "rotated without overlap": (lambda partner: partner.act("rotate-key", {"overlap_hours": 0}), 401, "key_expired"),
    "expired": (lambda partner: partner.change(expires_at=soon(seconds=-1)), 401, "key_expired"),
    "from elsewhere only": (lambda partner: partner.change(networks=["203.0.113.0/24"]), 403, "address_not_allowed"),
}


@pytest.mark.parametrize("how", STOPS)
def test_out_at_once_at_every_process(partner: Partner, how: str) -> None:
    stop, status, code = STOPS[how]
    callers = [partner.token(process) for process in (0, 1)]
    assert [caller.call("GET", "/work-orders").status_code for caller in callers] == [200, 200]
    stop(partner)
    for caller in callers:
        refused(caller.call("GET", "/work-orders"), 401, "unauthenticated")
    refused(partner.ask(1), status, code)


def test_taken_scopes_are_gone_at_once(partner: Partner) -> None:
    caller = partner.token(1)
    partner.change(scopes=["orders.work_order.read"])
    refused(caller.call("GET", "/work-orders"), 401, "unauthenticated")
    refused(partner.token(1).call("POST", "/work-orders", ORDER), 403, "scope_missing")
    partner.change(name="another name")
    fresh = partner.token()
    partner.change(name="a third")
    assert fresh.call("GET", "/work-orders").status_code == 200, "a name voids nothing"


def test_a_unit_that_moves_takes_its_partners_along(gateway: Gateway, admin: Caller, branch: Branch, partner: Partner) -> None:
    caller, other = partner.token(1), Branch(admin, gateway)
    unit = admin.call("GET", f"/org-units?code={branch.site}").json()["items"][0]
    assert admin.call("POST", f"/org-units/{unit['id']}/move", {"parent_code": other.code}).status_code == 200
    refused(caller.call("GET", "/work-orders"), 401, "unauthenticated")
    assert partner.token(1).call("GET", "/me").json()["org_path"] == f"{other.path}{branch.site}/"


# ---------------------------------------------------------------- addresses, limits
def test_addresses_of_both_families(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """The gateway stands behind a proxy on this machine that names the caller."""
    partner = Partner(gateway, admin, branch.site, networks=["203.0.113.0/24", "2001:db8::/32"])
    for address, good in (("203.0.113.9", True), ("203.0.114.9", False), ("2001:db8::7", True), ("2001:db9::7", False)):
        answer = partner.ask(headers={"X-Forwarded-For": address})
        assert (answer.status_code, answer.status_code == 200) == (200 if good else 403, good), answer.text
    token = partner.token(headers={"X-Forwarded-For": "203.0.113.9"})
    assert token.call("GET", "/work-orders", headers={"X-Forwarded-For": "2001:db8::1"}).status_code == 200
    refused(token.call("GET", "/work-orders", headers={"X-Forwarded-For": "198.51.100.1"}), 403, "address_not_allowed")
    refused(token.call("GET", "/work-orders"), 403, "address_not_allowed")


def test_a_rate_of_its_own(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    slow, quick = (Partner(gateway, admin, branch.site, requests_per_second=rate).token() for rate in (1, None))
    answers = [slow.call("GET", "/work-orders") for _ in range(12)]
    late = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200 and late and int(late[0].headers["retry-after"]) >= 1
    assert {quick.call("GET", "/work-orders").status_code for _ in range(12)} == {200}
