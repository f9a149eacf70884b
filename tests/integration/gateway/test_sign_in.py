"""Sign-in, tokens, sessions, locks and passwords (G-01 … G-06, G-08), over HTTP on two processes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import requests

from gateway import tokens
from gateway.identity import letting_in, signin
from gateway.identity.errors import WrongPassword
from tests.integration.gateway.conftest import ADMIN_PASSWORD, PASSWORD, Branch, Caller, Gateway, mark
from tests.support.sealed import answers


def refused(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code and problem["status"] == status
    assert problem["trace_id"] and problem["title"] and problem["type"]
    return problem


def test_sign_in_and_me(gateway: Gateway) -> None:
    caller = gateway.anybody()
    first = caller.sign_in("ADMIN", ADMIN_PASSWORD)
    assert first.status_code == 200
    assert first.json()["token_type"] == "Bearer" and first.json()["expires_in"] == tokens.ACCESS_SECONDS
    me = caller.call("GET", "/me").json()
    assert (me["username"], me["roles"], me["org_path"]) == ("admin", ["admin"], "/HQ/")
    assert {"orders.work_order.audit", "gateway.user.create"} <= set(me["permissions"])
    claims = jwt.decode(first.json()["access_token"], options={"verify_signature": False})
    assert {"iss", "aud", "sub", "username", "name", "org_path", "roles", "perms", "epoch", "sid", "exp", "lang"} <= set(claims)
    assert claims["perms"] == ["*"] and (claims["iss"], claims["aud"]) == ("aftersales", "aftersales")
    second = gateway.anybody().sign_in("admin", ADMIN_PASSWORD)
    assert second.json()["last_login_at"], "tells the sign-in before"


def test_published_keys_verify_tokens(gateway: Gateway, admin: Caller) -> None:
    keys = requests.get(f"{gateway.bases[1]}/.well-known/jwks.json", timeout=5).json()
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(admin.token)["kid"]]
    assert jwt.decode(admin.token, key, algorithms=["EdDSA"], audience="aftersales")["username"] == "admin"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "grant_type"),
        ({"grant_type": "password", "username": "admin"}, "password"),
        ({"grant_type": "refresh_token"}, "refresh_token"),
        ({"grant_type": "magic"}, "grant_type"),
        ({"grant_type": "password", "username": 7, "password": "x"}, "username"),
        ({"grant_type": "password", "username": "a\x00b", "password": "x"}, "username"),
        ({"grant_type": "password", "username": "a", "password": "x" * 201}, "password"),
        ({"grant_type": "password", "username": "a", "password": "x", "captcha": "y"}, "captcha"),
    ],
)
def test_bad_grants(gateway: Gateway, body: dict[str, Any], field: str) -> None:
    problem = refused(gateway.anybody().call("POST", "/auth/token", body), 400, "validation_failed")
    assert field in {error["field"] for error in problem["errors"]}


def test_malformed_json(gateway: Gateway) -> None:
    for raw in (b"{", b"\xff\xfe", b'{"grant_type": NaN}'):
        refused(gateway.anybody().call("POST", "/auth/token", data=raw), 400, "malformed_json")


def test_lock(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """The worked example: four wrong passwords show 1…4, the fifth locks, then the right one is refused as well."""
    user = branch.user(["agent"])
    for count in range(1, 5):
        problem = refused(gateway.anybody(count % 2).sign_in(user["username"], "wrong"), 401, "unauthenticated")
        assert (problem["failures"], problem["limit"]) == (count, 5)
    refused(gateway.anybody().sign_in(user["username"].upper(), "wrong"), 423, "account_locked")
    refused(gateway.anybody().sign_in(user["username"], PASSWORD), 423, "account_locked")
    assert admin.call("GET", f"/users/{user['id']}").json()["locked"] is True
    unlocked = admin.call("POST", f"/users/{user['id']}/unlock", {})
    assert unlocked.status_code == 200 and unlocked.json()["locked"] is False
    assert refused(gateway.anybody().sign_in(user["username"], "wrong"), 401, "unauthenticated")["failures"] == 1
    gateway.as_(user["username"])
    assert refused(gateway.anybody().sign_in(user["username"], "wrong"), 401, "unauthenticated")["failures"] == 1


def test_unlock_on_the_machine(gateway: Gateway, branch: Branch) -> None:
    user = branch.user(["agent"])
    for _ in range(5):
        gateway.anybody().sign_in(user["username"], "wrong")
    assert letting_in.unlock(gateway.database.app_url, user["username"].upper()) is True
    gateway.as_(user["username"])
    assert letting_in.unlock(gateway.database.app_url, "nobody-at-all") is False


def test_unknown_names_answer_alike(gateway: Gateway) -> None:
    name = f"nobody-{mark()}"
    for count in range(1, 5):
        problem = refused(gateway.anybody().sign_in(name, "wrong"), 401, "unauthenticated")
        assert (problem["failures"], problem["limit"]) == (count, 5)
    for _ in range(2):
        refused(gateway.anybody().sign_in(name, "wrong"), 423, "account_locked")


NAMES = ["nobody", "somebody", "disabled", "deleted"]
UNITS = ["none", "own", "another", "missing", "department"]


@pytest.mark.parametrize("units", [["none"] * 6, ["missing"] * 6, [*UNITS, "none"]], ids="-".join)
def test_guesses_tell_nothing(gateway: Gateway, admin: Caller, branch: Branch, units: list[str]) -> None:
    """The N-th wrong password is answered alike for every name, there or not, whichever unit is named with it: a right password as well,
    where the unit is a wrong one."""
    department = admin.call("POST", "/org-units", {"code": f"D{mark()}", "name": "x", "kind": "department", "parent_code": branch.site}).json()["code"]
    codes = {"own": branch.site, "another": branch.code, "missing": f"X{mark()}", "department": department}
    told = {}
    for who in NAMES:
        user = {"username": f"nobody-{mark()}", "id": ""} if who == "nobody" else branch.user(["agent"])
        if who == "disabled":
            admin.call("PATCH", f"/users/{user['id']}", {"active": False})
        if who == "deleted":
            admin.call("POST", f"/users/{user['id']}/delete", {})
        answers = []
        for count, unit in enumerate(units):
            elsewhere = unit in ("another", "missing", "department")
            body = {"grant_type": "password", "username": user["username"], "password": PASSWORD if elsewhere and count % 2 else "wrong"}
            answer = gateway.anybody(count % 2).call("POST", "/auth/token", body | ({} if unit == "none" else {"org_unit_code": codes[unit]}))
            answers.append((answer.status_code, {key: value for key, value in answer.json().items() if key != "trace_id"}))
        told[who] = answers
    assert told == dict.fromkeys(NAMES, told["nobody"])
    assert [status for status, _ in told["nobody"]] == [401] * 4 + [423] * 2
    assert [body["failures"] for _, body in told["nobody"]] == [1, 2, 3, 4, 5, 5]


@pytest.mark.parametrize("unit", [None, "X-nowhere"])
def test_guesses_take_alike_long(gateway: Gateway, branch: Branch, unit: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked for, the password is hashed once and no more; nobody's hash too."""
    hashed: list[str] = []
    real = signin.passwords.matches
    monkeypatch.setattr(signin.passwords, "matches", lambda known, given: hashed.append(given) or real(known, given))
    for name in (branch.user(["agent"])["username"], f"nobody-{mark()}"):
        for password in ("wrong", PASSWORD) if unit else ("wrong",):
            with pytest.raises(WrongPassword):
                signin.sign_in(gateway.database.engine, signin.Attempt(name, password, "127.0.0.1", "en", unit))
    assert len(hashed) == (4 if unit else 2)


@pytest.mark.parametrize("there", [True, False])
def test_wrong_passwords_at_once_are_all_counted(gateway: Gateway, branch: Branch, there: bool) -> None:
    from concurrent.futures import ThreadPoolExecutor

    user = branch.user(["agent"]) if there else {"username": f"nobody-{mark()}"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: gateway.anybody(n % 2).sign_in(user["username"], "wrong").status_code, range(8)))
    assert sorted(answers) == [401] * 4 + [423] * 4


def test_no_good_token(gateway: Gateway, admin: Caller) -> None:
    """Missing, of another kind, expired, forged, for another audience, by another issuer, without signature, cut."""
    other = tokens.Signer(tokens.new_key())
    now = datetime.now(UTC)
    payload = jwt.decode(admin.token, options={"verify_signature": False})
    bad = {
        "none at all": None,
        "another scheme": "Basic YTpi",
        "nonsense": "Bearer nonsense",
        "expired": "Bearer " + gateway.forge(seconds=-1),
        "forged": "Bearer " + gateway.forge(signer=other),
        "audience": "Bearer " + gateway.signer.sign({**payload, "aud": "others"}, now),
        "issuer": "Bearer " + gateway.signer.sign({**payload, "iss": "others"}, now),
        "unsigned": "Bearer " + jwt.encode(payload, None, algorithm="none"),
        "symmetric": "Bearer " + jwt.encode(payload, "x" * 32, algorithm="HS256", headers={"kid": other.jwk["kid"]}),
        "cut": "Bearer " + str(admin.token)[:-4],
    }
    for why, authorization in bad.items():
        for path in ("/me", "/work-orders", "/streams/me"):
            headers = {} if authorization is None else {"Authorization": authorization}
            answer = gateway.anybody().call("GET", path, headers=headers)
            refused(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer", why
    assert gateway.service.seen == [], "nothing of it reached a service"


def test_a_token_expires_though_it_was_good(gateway: Gateway) -> None:
    import time

    caller = Caller(gateway.bases[0], gateway.forge(seconds=2))
    assert caller.call("GET", "/work-orders").status_code == 200
    time.sleep(2.1)
    refused(caller.call("GET", "/work-orders"), 401, "unauthenticated")


@pytest.mark.slow
def test_logout_is_at_once_and_everywhere(gateway: Gateway, branch: Branch) -> None:
    user = branch.user(["agent"])
    for round in range(5):
        caller, twin = gateway.as_(user["username"], process=round % 2), gateway.as_(user["username"])
        assert caller.call("POST", "/auth/logout", {}).status_code == 200
        for base in gateway.bases:
            refused(Caller(base, caller.token).call("GET", "/me"), 401, "unauthenticated")
        refused(caller.refresh(), 401, "unauthenticated")
        assert twin.call("GET", "/me").status_code == 200, "another session of the same user goes on"


def test_refresh_rotates_and_reuse_ends_the_session(gateway: Gateway, branch: Branch) -> None:
    caller = gateway.as_(branch.user(["agent"])["username"])
    first = caller.refresh_token
    second = caller.refresh().json()
    assert second["refresh_token"] != first
    third = caller.refresh(second["refresh_token"]).json()
    newest = Caller(gateway.bases[1], third["access_token"])
    assert newest.call("GET", "/me").status_code == 200
    refused(caller.refresh(first), 401, "unauthenticated")
    refused(caller.refresh(third["refresh_token"]), 401, "unauthenticated")
    refused(newest.call("GET", "/me"), 401, "unauthenticated")


@pytest.mark.parametrize("token", ["x", "a.b.c", "0" * 32 + ".a.b", "\u0627", "." * 100])
def test_no_good_refresh_token(gateway: Gateway, token: str) -> None:
    refused(gateway.anybody().refresh(token), 401, "unauthenticated")


def test_a_guessed_secret_does_not_end_a_session(gateway: Gateway, branch: Branch) -> None:
    caller = gateway.as_(branch.user(["agent"])["username"])
    session = str(caller.refresh_token).split(".")[0]
    refused(caller.refresh(f"{session}.guess.guess"), 401, "unauthenticated")
    assert caller.call("GET", "/me").status_code == 200
    assert caller.refresh().status_code == 200


def test_change_password(gateway: Gateway, branch: Branch) -> None:
    user = branch.user(["agent"])
    caller, other = gateway.as_(user["username"]), gateway.as_(user["username"], process=1)
    right = {"old_password": PASSWORD, "new_password": "brand-new-story", "confirm": "brand-new-story"}
    for changed, code in (
        ({"old_password": "wrong"}, "old_wrong"),
        ({"confirm": "different"}, "confirm_mismatch"),
        ({"new_password": "short", "confirm": "short"}, "weak_password"),
        ({"new_password": PASSWORD, "confirm": PASSWORD}, "weak_password"),
    ):
        refused(caller.call("POST", "/auth/password", {**right, **changed}), 422, code)
    assert other.call("GET", "/me").status_code == 200, "nothing was saved"
    answer = caller.call("POST", "/auth/password", right)
    assert answer.status_code == 200
    refused(other.call("GET", "/me"), 401, "unauthenticated")
    refused(other.refresh(), 401, "unauthenticated")
    renewed = Caller(gateway.bases[1], answer.json()["access_token"], answer.json()["refresh_token"])
    assert renewed.call("GET", "/me").status_code == 200 and renewed.refresh().status_code == 200
    refused(gateway.anybody().sign_in(user["username"], PASSWORD), 401, "unauthenticated")
    gateway.as_(user["username"], "brand-new-story")


ASKED = {
    "change": ("/auth/password", {"old_password": "wrong", "new_password": "brand-new-story", "confirm": "brand-new-story"}, "old_wrong"),
    "reset": ("/users/{other}/reset-password", {"admin_password": "wrong"}, "forbidden"),
    "screen lock": ("/auth/unlock", {"password": "wrong"}, "unauthenticated"),
}


@pytest.mark.parametrize("places", [["change"] * 5, ["reset"] * 5, ["screen lock"] * 5, ["change", "reset", "screen lock", "change", "reset"]])
def test_guessing_counts_wherever_the_password_is_asked_for(gateway: Gateway, branch: Branch, places: list[str]) -> None:
    """Per name, like a sign-in: the fifth wrong one locks, ends the sessions, and the right one is refused then."""
    user, other = branch.user(["admin"]), branch.user(["agent"])
    caller = gateway.as_(user["username"])
    for count, place in enumerate(places, 1):
        path, body, code = ASKED[place]
        answer = caller.call("POST", path.format(other=other["id"]), body)
        assert answer.json()["code"] == ("account_locked" if count == 5 else code), (count, place, answer.text)
    refused(caller.call("GET", "/me"), 401, "unauthenticated")
    refused(gateway.anybody().sign_in(user["username"], PASSWORD), 423, "account_locked")


def test_the_right_password_forgets_wrong_ones(gateway: Gateway, branch: Branch) -> None:
    user = branch.user(["agent"])
    caller = gateway.as_(user["username"])
    for _ in range(3):
        for _ in range(4):
            refused(caller.call("POST", "/auth/unlock", {"password": "wrong"}), 401, "unauthenticated")
        assert caller.call("POST", "/auth/unlock", {"password": PASSWORD}).status_code < 300


def test_a_given_password_must_be_changed(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    user = branch.user(["manager"], password=None)
    assert len(user["password"]) >= 12 and user["must_change_password"] is True
    caller = gateway.anybody()
    assert caller.sign_in(user["username"], user["password"]).json()["must_change_password"] is True
    for method, path in (("GET", "/work-orders"), ("GET", "/users"), ("POST", "/work-orders"), ("GET", "/streams/me")):
        refused(caller.call(method, path, {} if method == "POST" else None), 403, "password_change_required")
    assert caller.call("GET", "/me").json()["must_change_password"] is True
    body = {"old_password": user["password"], "new_password": "my-own-story-now", "confirm": "my-own-story-now"}
    answer = caller.call("POST", "/auth/password", body)
    assert answer.status_code == 200 and answer.json()["must_change_password"] is False
    caller.token = answer.json()["access_token"]
    assert caller.call("GET", "/work-orders").status_code == 200
    assert "password" not in admin.call("GET", f"/users/{user['id']}").json()


def test_reset_by_administrator(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    user = branch.user(["agent"])
    caller = gateway.as_(user["username"])
    for _ in range(5):
        gateway.anybody().sign_in(user["username"], "wrong")
    path = f"/users/{user['id']}/reset-password"
    refused(admin.call("POST", path, {"admin_password": "wrong"}), 403, "forbidden")
    answer = admin.call("POST", path, {"admin_password": ADMIN_PASSWORD}).json()
    assert answer["must_change_password"] is True and answer["locked"] is False
    refused(caller.call("GET", "/me"), 401, "unauthenticated")
    assert gateway.as_(user["username"], answer["password"]).call("GET", "/work-orders").status_code == 403


def test_secrets_are_not_stored(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """Neither passwords nor tokens stand readable in any table, not even as a remembered answer."""
    user = branch.user(["agent"])
    caller = gateway.as_(user["username"])
    body = {"old_password": PASSWORD, "new_password": "brand-new-story", "confirm": "brand-new-story"}
    changed = caller.call("POST", "/auth/password", body, headers={"Idempotency-Key": mark()}).json()
    secrets = [PASSWORD, "brand-new-story", changed["refresh_token"].split(".")[2], changed["access_token"]]
    tables = ["users", "credentials", "sessions", "outbox", "journal", "stray_sign_ins"]
    for table in tables:
        text = str(gateway.rows(f"SELECT to_jsonb(t) FROM {table} t"))
        assert not [secret for secret in secrets if secret in text], table
    kept = str(answers(gateway.rows("SELECT principal, request, key, answer FROM idempotency")))
    assert not [secret for secret in secrets if secret in kept]


@pytest.mark.parametrize("addresses", ["203.0.113.{mine}", "2001:db8:0:{mine}::{each:x}"], ids=["an address", "a /64 of version 6"])
def test_failed_sign_ins_are_limited_per_address(gateway: Gateway, addresses: str) -> None:
    mine = uuid_byte()
    body = {"grant_type": "refresh_token", "refresh_token": "wrong"}
    answer = None
    for each in range(400):
        forwarded = {"X-Forwarded-For": addresses.format(mine=mine, each=each + 1)}
        answer = gateway.anybody().call("POST", "/auth/token", body, headers=forwarded)
        if answer.status_code == 429:
            break
    assert answer is not None
    refused(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) >= 1
    assert gateway.anybody().sign_in("admin", ADMIN_PASSWORD).status_code == 200, "other addresses are not hindered"


def uuid_byte() -> int:
    import secrets

    return secrets.randbelow(250) + 1
