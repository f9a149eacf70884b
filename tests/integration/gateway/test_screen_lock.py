"""The screen lock (G-03) holds for whoever has the session's tokens: over HTTP on two processes."""

from __future__ import annotations

import re
import threading
import time
import uuid
from contextlib import closing

import jwt
import psycopg2
import pytest
import requests

from chassis import contracts
from chassis.domain.principal import Principal
from gateway.front import WHILE_LOCKED
from gateway.identity import signin
from gateway.identity.announce import CHANNEL
from gateway.identity.errors import ScreenLocked
from tests.integration.gateway.conftest import ADMIN_PASSWORD, PASSWORD, Branch, Caller, Gateway
from tests.integration.gateway.test_sign_in import refused
from tests.integration.gateway.test_stream import Reader
from tests.support.client import eventually


def at(gateway: Gateway, caller: Caller) -> list[Caller]:
    return [Caller(base, caller.token) for base in gateway.bases]


def locked(gateway: Gateway, caller: Caller) -> None:
    for each in at(gateway, caller):
        refused(each.call("GET", "/org-units"), 423, "screen_locked")


def usable(gateway: Gateway, caller: Caller) -> None:
    for each in at(gateway, caller):
        assert each.call("GET", "/org-units").status_code == 200


def renewed(caller: Caller) -> Caller:
    answer = caller.refresh()
    assert answer.status_code == 200, answer.text
    return Caller(caller.base, answer.json()["access_token"], answer.json()["refresh_token"])


def test_every_operation_waits_for_the_password(gateway: Gateway, branch: Branch) -> None:
    """Of every service; but for the way out, the way on and whose screen it is."""
    caller = gateway.as_(branch.user(["admin"])["username"])
    assert caller.call("POST", "/auth/lock", {}).json() == {"locked": True}
    asked = 0
    for service in contracts.services():
        for operation in contracts.operations(service):
            if operation.permission == "public" or operation.operation_id in WHILE_LOCKED:
                continue
            path = re.sub(r"\{\w+\}", str(uuid.uuid4()), operation.path.removeprefix("/api/v1"))
            refused(caller.call(operation.method.upper(), path, None if operation.method.lower() == "get" else {}), 423, "screen_locked")
            asked += 1
    assert asked > 150
    assert not gateway.service.seen, "no service was asked"


def test_all_processes_and_new_tokens_until_the_password(gateway: Gateway, branch: Branch) -> None:
    user = branch.user(["admin"])
    caller, other = gateway.as_(user["username"]), gateway.as_(user["username"])
    for _ in range(2):
        assert caller.call("POST", "/auth/lock", {}).status_code == 200, "also twice"
    locked(gateway, caller)
    usable(gateway, other)
    cookie = {"cookie": f"aftersales_token={caller.token}"}
    refused(requests.get(f"{gateway.bases[1]}/api/v1/org-units", headers=cookie, timeout=5), 423, "screen_locked")
    caller = renewed(caller)
    locked(gateway, caller)
    assert caller.call("GET", "/me").json()["username"] == user["username"]
    refused(caller.call("POST", "/auth/unlock", {"password": "wrong"}), 401, "unauthenticated")
    locked(gateway, caller)
    assert caller.call("POST", "/auth/unlock", {"password": PASSWORD}).json() == {"unlocked": True}
    usable(gateway, caller)
    usable(gateway, renewed(caller))


def test_a_refresh_tells_all_processes_again(gateway: Gateway, branch: Branch) -> None:
    """They keep what was locked as long as the newest token of the session lives."""
    caller = gateway.as_(branch.user(["agent"])["username"])
    caller.call("POST", "/auth/lock", {})
    with closing(psycopg2.connect(gateway.database.app_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"LISTEN {CHANNEL}")
        session = jwt.decode(renewed(caller).token or "", options={"verify_signature": False})["sid"]

        def told() -> bool:
            connection.poll()
            return any(notice.payload.endswith(f" locked {session}") for notice in connection.notifies)

        eventually(told, "word of the lock")  # the commit is answered before other connections hear of it


def test_acting_for_a_unit_locks_and_unlocks_with_the_own_session(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    signed = admin.call("POST", "/auth/act-for", {"org_unit_code": branch.site, "reason": "x"}).json()
    acting = Caller(admin.base, signed["access_token"], signed["refresh_token"])
    for one in (acting, admin):
        assert one.call("POST", "/auth/lock", {}).status_code == 200
        for each in (acting, admin):
            locked(gateway, each)
        assert one.call("POST", "/auth/unlock", {"password": ADMIN_PASSWORD}).status_code == 200
        for each in (acting, admin):
            usable(gateway, each)


def test_streams_end(gateway: Gateway, branch: Branch) -> None:
    caller = gateway.as_(branch.user(["admin"])["username"])
    reader = Reader(at(gateway, caller)[1])
    assert caller.call("POST", "/auth/lock", {}).status_code == 200
    ended = threading.Thread(target=list, args=(reader,), daemon=True)
    ended.start()
    ended.join(2)
    assert not ended.is_alive()


def test_a_process_that_heard_nothing_for_a_while_makes_up_for_it(gateway: Gateway, branch: Branch) -> None:
    user = branch.user(["admin"])
    still, freed = gateway.as_(user["username"]), gateway.as_(user["username"])
    for each in (still, freed):
        each.call("POST", "/auth/lock", {})
    gateway.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gateway.listener' AND datname = current_database()")
    freed.call("POST", "/auth/unlock", {"password": PASSWORD})
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(each.call("GET", "/org-units").status_code != 200 for each in at(gateway, freed)):
        time.sleep(0.05)
    usable(gateway, freed)
    locked(gateway, still)


def test_nobody_slips_through_once_the_lock_is_told(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """Both processes, both sessions of the screen, while others keep the channel busy: right after the answer, again and again."""
    signed = admin.call("POST", "/auth/act-for", {"org_unit_code": branch.site, "reason": "x"}).json()
    acting = Caller(gateway.bases[1], signed["access_token"])
    noisy, done = [gateway.as_(branch.user(["agent"])["username"], process=number) for number in range(2)], threading.Event()

    def noise(caller: Caller) -> None:
        while not done.is_set():
            caller.call("POST", "/auth/lock", {})
            caller.call("POST", "/auth/unlock", {"password": PASSWORD})

    threads = [threading.Thread(target=noise, args=(caller,)) for caller in noisy]
    for thread in threads:
        thread.start()
    try:
        for turn in range(20):
            one = (acting, admin)[turn % 2]
            assert one.call("POST", "/auth/lock", {}).status_code == 200
            for each in (acting, admin):
                locked(gateway, each)
            assert one.call("POST", "/auth/unlock", {"password": ADMIN_PASSWORD}).status_code == 200
            for each in (acting, admin):
                usable(gateway, each)
    finally:
        done.set()
        for thread in threads:
            thread.join(30)


def test_acting_does_not_begin_on_a_locked_screen(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """Whoever asked before the lock and whose turn comes after it: the session it would make is no way around the lock."""
    claims = jwt.decode(admin.token or "", options={"verify_signature": False})
    principal = Principal(user_id=claims["sub"], username="admin", scope="/HQ/", session=claims["sid"])
    [unit] = gateway.rows("SELECT id FROM org_units WHERE code = :code", code=branch.site)
    assert admin.call("POST", "/auth/lock", {}).status_code == 200
    with pytest.raises(ScreenLocked):
        signin.act_for(gateway.database.engine, principal, unit.id, "127.0.0.1")
    assert gateway.rows("SELECT 1 FROM sessions WHERE own_session_id = :own AND ended_at IS NULL", own=claims["sid"]) == []
