"""Partners' systems (G-25): dry runs at the gateway and the call log, over HTTP on two processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.domain.errors import Forbidden
from gateway.app import SERVICE
from tests.integration.gateway.conftest import Branch, Caller, Gateway, mark
from tests.integration.gateway.test_partners import ORDER, SCOPES, Partner, partner as partner, soon
from tests.integration.gateway.test_sign_in import refused
from tests.integration.gateway.upstream import Handler
from tests.support.client import eventually
from tests.support.database import ServiceDatabase, service_database


# ---------------------------------------------------------------- dry run at the gateway
def counts(gateway: Gateway) -> dict[str, int]:
    tables = gateway.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row.tablename: gateway.rows(f'SELECT count(*) FROM "{row.tablename}"')[0][0] for row in tables}


def test_a_dry_run_reaches_the_service_and_leaves_no_audit(gateway: Gateway, partner: Partner, admin: Caller) -> None:
    caller = partner.token()
    gateway.service.answers.append(lambda handler: handler.reply(201, b"{}", Dry_Run="true"))
    answer = caller.call("POST", "/work-orders", ORDER, headers={"Dry-Run": "true"})
    assert answer.status_code == 201 and answer.headers["dry-run"] == "true"
    assert gateway.service.seen[-1]["headers"]["dry-run"] == "true"
    assert admin.call("GET", f"/audit-log?username=partner:{partner.client_id}&path=/api/v1/work-orders").json()["items"] == []
    found = eventually(lambda: partner.calls(dry_run="true"), "the dry run in the call log")
    assert [(call["operation"], call["status"]) for call in found] == [("orders.repairs.create", 201)]
    refused_dry = caller.call("POST", "/sites", {}, headers={"Dry-Run": "true"})
    refused(refused_dry, 403, "scope_missing")
    assert refused_dry.headers["dry-run"] == "true"


def test_a_dry_run_cannot_be_smuggled_past_the_audit(gateway: Gateway, partner: Partner, admin: Caller) -> None:
    """A header that the front took for a dry run, and the service never saw, would be a write that nobody wrote down."""
    caller, path = partner.token(), f"/audit-log?username=partner:{partner.client_id}&path=/api/v1/work-orders"
    headers = {"Dry-Run": "true", "Connection": "keep-alive, dry-run"}
    caller.call("POST", "/work-orders", ORDER, headers=headers)
    assert gateway.service.seen[-1]["headers"]["dry-run"] == "true", "handed on, whatever Connection says"
    caller.call("POST", "/work-orders", ORDER, headers={"Dry-Run": "false"})
    assert len(admin.call("GET", path).json()["items"]) == 2, "a service that does not say it was one has written"
    for value in ("yes", "true, true", "1", ""):
        refused(caller.call("POST", "/work-orders", ORDER, headers={"Dry-Run": value}), 400, "validation_failed")
    refused(gateway.anybody().call("POST", "/auth/token", {"grant_type": "password"}, headers={"Dry-Run": "true"}), 400,
            "validation_failed")


def test_users_rehearse_too_and_nothing_is_left(gateway: Gateway, admin: Caller, branch: Branch, partner: Partner) -> None:
    user = branch.user(["agent"])
    unit = admin.call("GET", f"/org-units?code={branch.site}").json()["items"][0]
    key = {"key_id": partner.document["keys"][0]["key_id"]}
    writes: list[tuple[str, str, Any, int]] = [
        ("POST", "/users", {"username": f"u-{mark()}", "name": "x", "org_unit_code": branch.site, "roles": ["agent"]}, 201),
        ("PATCH", f"/users/{user['id']}", {"roles": ["cashier"]}, 200),
        ("POST", f"/users/{user['id']}/delete", {}, 200),
        ("POST", f"/users/{user['id']}/force-off", {}, 200),
        ("POST", f"/org-units/{unit['id']}/move", {"parent_code": "HQ"}, 200),
        ("PUT", "/parameters/tax.rate", {"value": 0.2}, 200),
        ("POST", "/roles", {"code": f"r{mark()}", "name_zh": "x", "name_en": "x", "permissions": ["orders.site.read"]}, 201),
        ("POST", "/partners", {"name": "x", "org_unit_code": branch.site, "scopes": SCOPES, "expires_at": soon(days=1)}, 201),
        ("PATCH", f"/partners/{partner.id}", {"scopes": SCOPES[:1]}, 200),
        ("POST", f"/partners/{partner.id}/rotate-key", {}, 200),
        ("POST", f"/partners/{partner.id}/revoke-key", key, 200),
        ("POST", f"/partners/{partner.id}/disable", {}, 200),
    ]
    caller, before = partner.token(), None
    for method, path, body, status in writes:
        before = counts(gateway)
        answer = admin.call(method, path, body, headers={"Dry-Run": "true", "Idempotency-Key": mark()})
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
        assert answer.headers["dry-run"] == "true" and counts(gateway) == before, f"{method} {path}"
        assert not {"password", "client_secret"} & answer.json().keys(), "a secret that is kept nowhere misleads"
    assert caller.call("GET", "/work-orders").status_code == 200, "nothing was voided"
    assert admin.call("GET", f"/users/{user['id']}").json()["roles"] == ["agent"]
    taken = {"username": user["username"], "name": "x", "org_unit_code": branch.site, "roles": []}
    problem = admin.call("POST", "/users", taken, headers={"Dry-Run": "true"})
    refused(problem, 409, "duplicate")
    assert problem.headers["dry-run"] == "true", "the database's own constraints are asked"


# ---------------------------------------------------------------- call log
def test_every_call_is_in_the_log(gateway: Gateway, partner: Partner, admin: Caller, branch: Branch) -> None:
    caller = partner.token(1)
    written = caller.call("POST", "/work-orders", ORDER)
    log = partner.calls()
    assert [(call["operation"], call["status"]) for call in log] == [("orders.repairs.create", 200), ("gateway.partners.token", 200)]
    assert log[0]["trace_id"] and log[0]["duration_ms"] is not None and log[0]["address"] == "127.0.0.1"
    assert log[0]["key_id"] == partner.document["keys"][0]["key_id"] and written.status_code == 200
    caller.call("GET", "/work-orders")
    caller.call("GET", "/bills")
    caller.call("POST", "/parts", {})
    reads = eventually(lambda: (found := partner.calls())[2:] and len(found) == 5 and found, "reads come a little later")
    assert {(call["operation"], call["status"]) for call in reads[:3]} == {
        ("orders.repairs.search", 200), ("finance.billing.search", 403), ("inventory.parts.create", 403)}
    stranger = gateway.as_(Branch(admin, gateway).user(["admin"])["username"])
    assert stranger.call("GET", f"/partner-calls?partner_id={partner.id}").json()["items"] == []
    page = admin.call("GET", f"/partner-calls?partner_id={partner.id}&limit=2").json()
    assert len(page["items"]) == 2 and page["next_cursor"]


def test_a_write_is_in_the_log_before_it_is_done(gateway: Gateway, partner: Partner) -> None:
    """So that it is there whatever is killed: the service itself looks, while it is asked."""
    caller, seen = partner.token(), []

    def look(handler: Handler) -> None:
        statement = "SELECT status, duration_ms FROM partner_calls WHERE partner_id = :id AND method = 'POST' AND path LIKE '%orders'"
        seen.extend(tuple(row) for row in gateway.rows(statement, id=partner.id))
        handler.reply(201, json.dumps({}).encode())

    gateway.service.answers.append(look)
    assert caller.call("POST", "/work-orders", ORDER).status_code == 201
    assert seen == [(0, None)]
    assert partner.calls(method="POST", operation="orders.repairs.create")[0]["status"] == 201


def test_the_log_can_only_be_completed(gateway: Gateway, partner: Partner) -> None:
    partner.token().call("POST", "/work-orders", ORDER)
    with pytest.raises(Forbidden):
        gateway.write("UPDATE partner_calls SET path = '/elsewhere' WHERE partner_id = :id", id=partner.id)


def test_the_log_is_forgotten_after_its_days(gateway: Gateway, partner: Partner) -> None:
    from gateway.partners import timers

    partner.token()
    gateway.write("INSERT INTO partner_calls SELECT gen_random_uuid(), partner_id, key_id, now() - interval '91 days', method, path,"
                  " operation, 200, 1, false, trace_id, address, org_path FROM partner_calls WHERE partner_id = :id", id=partner.id)
    assert len(partner.calls()) == 2
    with gateway.database.uow() as uow:
        timers.forget_calls(uow)
    assert len(partner.calls()) == 1


@pytest.fixture(scope="module")
def long_log(database_server: str) -> Iterator[ServiceDatabase]:
    with service_database(database_server, SERVICE) as database:
        with database.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
            owner.execute(sa.text("SET app.scope = '/'"))
            owner.execute(sa.text(
                "INSERT INTO partner_calls (id, partner_id, at, method, path, operation, status, dry_run, trace_id, address, org_path)"
                " SELECT gen_random_uuid(), gen_random_uuid(), now() - n * interval '1 second', 'GET', '/', 'o.' || n % 500, 200, false,"
                " md5(n::text), '10.0.' || n % 250, '/HQ/' FROM generate_series(1, 20000) n"
            ))
            owner.execute(sa.text("ANALYZE partner_calls"))
        yield database


@pytest.mark.parametrize(("filter_", "value"), [("operation", "o.7"), ("address", "10.0.7"), ("trace_id", "0" * 32), ("operation", "none")])
def test_the_log_is_searched_by_index(long_log: ServiceDatabase, filter_: str, value: str) -> None:
    statement = f"EXPLAIN SELECT * FROM partner_calls WHERE {filter_} = :value ORDER BY at DESC, id DESC LIMIT 51"
    with long_log.uow() as uow:
        plan = "\n".join(row[0] for row in uow.rows(sa.text(statement), {"value": value}))
    assert f"on ix_partner_calls_{filter_}" in plan or f"using ix_partner_calls_{filter_}" in plan, plan
