"""From the outside, against the way in: what a request can carry that it should not."""

from __future__ import annotations

import csv
import io
import json
import re
import socket
import time
import uuid
from contextlib import closing
from typing import Any

import pytest
import requests

from tests.security.matrix.cells import expectations, key_of
from tests.security.matrix.world import UNKNOWN, World
from tests.support.client import Client
from tests.support.contracts import BASE, operations

pytestmark = pytest.mark.slow


def manager(world: World) -> Any:
    return next(c for c in world.callers if (c.role, c.place) == ("manager", "site"))


def exchange(world: World, raw: bytes, seconds: float = 30.0) -> bytes:
    """What the way in answers to these very bytes."""
    with closing(socket.create_connection(("127.0.0.1", world.suite.port), timeout=seconds)) as wire:
        wire.sendall(raw)
        answer = b""
        try:
            while part := wire.recv(65536):
                answer += part
        except TimeoutError:
            pass
        return answer


# -- ids -------------------------------------------------------------------------------------------------------
def test_a_foreign_id_looks_like_none(world: World):
    """Status, headers and text of an answer do not tell whether a document exists elsewhere."""
    client, caller, told = Client(world.suite.base), manager(world), 0
    for operation in operations():
        expected = expectations()[key_of(operation)]
        if operation.method != "get" or expected.reach != "scoped" or not expected.of or "manager" not in expected.roles:
            continue
        path = re.sub(r"\{\w+\}", "{}", operation.path.removeprefix(BASE))
        foreign = client.call("GET", path.format(world.documents[expected.of]["C"], UNKNOWN), headers=caller.headers)
        nowhere = client.call("GET", path.format(UNKNOWN, UNKNOWN), headers=caller.headers)
        shown = [{k: v for k, v in answer.json.items() if k != "trace_id"} for answer in (foreign, nowhere)]
        assert (foreign.status, shown[0]) == (nowhere.status, shown[1]) == (404, shown[1]), operation.path
        # Every so many answers end their connection, whatever they say (chassis/http/app.py).
        assert foreign.headers.keys() - {"connection"} == nowhere.headers.keys() - {"connection"}
        told += 1
    assert told >= 15


def test_an_org_unit_elsewhere_takes_as_long_as_none(world: World):
    """POST /sites told at once that a unit exists elsewhere, and took 3 s for one that exists nowhere."""
    client, caller = Client(world.suite.base), manager(world)
    seconds = []
    for code in (world.documents["unit_code"]["C"], f"no-{uuid.uuid4().hex[:8]}"):
        began = time.monotonic()
        answer = client.call("POST", "/sites", {"code": f"X{uuid.uuid4().hex[:8]}", "name": "x", "org_unit_code": code}, headers=caller.headers)
        seconds.append(time.monotonic() - began)
        assert (answer.status, answer.code) == (422, "unknown_reference")
    assert all(took > 2.5 for took in seconds), seconds


def test_a_cursor_shows_nothing_foreign(world: World):
    """A cursor made at headquarters, given by a site's user: the same place in the list, seen through his own scope."""
    caller, client = manager(world), Client(world.suite.base)
    foreign = {world.documents["work_order"][site] for site in "BC"}
    cursor = world.admin.get("/work-orders", limit=1)["next_cursor"]
    assert cursor
    page = client.call("GET", "/work-orders", query={"cursor": cursor}, headers=caller.headers)
    assert page.status == 200 and not foreign & {item["id"] for item in page.json["items"]}


def test_history_of_another_site_is_refused_row_by_row(world: World):
    """An administrator of site A imports a row for A and one for C: the first is in, the second is not."""
    caller = next(c for c in world.callers if (c.role, c.place) == ("admin", "site"))
    mark = uuid.uuid4().hex
    rows = [{"source": "t", "external_id": f"{mark}-{site}", "site_id": world.documents["site"][site], "state": "registered",
             "event_date": "2026-01-02", "problem": "x"} for site in "AC"]
    answer = Client(world.suite.base).call("POST", "/work-orders/history", {"rows": rows}, headers=caller.headers)
    assert [row["status"] for row in answer.json["results"]] == ["created", "refused"], answer.raw
    assert world.admin.get("/work-orders", external_id=f"{mark}-C")["items"] == []


# -- mass assignment -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("member", ["id", "version", "org_path", "created_by", "state", "number", "open_amount", "locked", "perms"])
def test_nothing_is_taken_that_the_contract_does_not_name(world: World, member: str):
    for path, body in (("/customers", {"name": "x"}), ("/work-orders", {"kind": "repair", "channel": "phone", "problem": "x",
                       "site_id": world.documents["site"]["A"]}),
                       ("/users", {"username": f"u{uuid.uuid4().hex}", "name": "x", "org_unit_code": "HQ", "roles": []})):
        world.admin.invalid("POST", path, {**body, member: "/HQ/"}, [member])


# -- names that are not his ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["system:orders.worker", "SYSTEM:x", "cli", "ＣＬＩ", "admin/SH01", "a b", "a\u200bb", ""])
def test_names_of_the_system_are_nobodys(world: World, name: str):
    """Journals name `system:…` for the suite itself, `cli` for whoever holds the machine, `admin/SH01` for acting."""
    body = {"username": name, "name": "x", "org_unit_code": "HQ", "roles": []}
    world.admin.invalid("POST", "/users", body, ["username"])


def test_a_key_of_somebody_else_gives_nothing(world: World):
    """Idempotency keys belong to their user: replaying another's key and body is a new request."""
    client, key, body = Client(world.suite.base), uuid.uuid4().hex, {"name": f"K{uuid.uuid4().hex}"}
    first, second = manager(world), next(c for c in world.callers if (c.role, c.place) == ("manager", "hq"))
    one = client.call("POST", "/customers", body, key=key, headers=first.headers)
    other = client.call("POST", "/customers", body, key=key, headers=second.headers)
    assert one.status == other.status == 201 and one.json["id"] != other.json["id"]
    powerless = next(c for c in world.callers if (c.role, c.place) == ("dispatcher", "site"))
    assert client.call("POST", "/customers", body, key=key, headers=powerless.headers).status == 403


def test_a_product_of_no_brand(world: World):
    """The contract lets it be empty; the event's schema did not, and the answer was 500."""
    body = {"code": f"P{uuid.uuid4().hex}", "name": "x", "brand": "", "category": "x", "warranty_months": 0}
    made = world.admin.created("/products", body)
    assert world.admin.call("PATCH", f"/products/{made['id']}", {"name": "y"}).status == 200


# -- the wire --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [
    "/api/v1/../../etc/passwd", "/api/v1/%2e%2e/%2e%2e/etc/passwd", "/static/../console/session.py", "/static/..%2f..%2fetc%2fpasswd",
    "/static/%2e%2e/session.py", "/static/....//session.py", "/static//etc/passwd", "/api/docs/../../gateway/tokens.py", "/api/docs/%2e%2e/x",
    "/.git/config", "/.well-known/../jwks.json", "/api/v1//me", "/api/v1/me/", "/api/v1/me%00", "/api/v1/me;x=1", "/api/v1/ME",
    "/api/v1/work-orders%2fhistory", "/api/v1/work-orders%252fhistory",
])  # fmt: skip
def test_paths_lead_nowhere(world: World, path: str):
    """As they are on the wire; no client tidies them up before."""
    token = manager(world).token
    raw = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode()
    head, _, body = exchange(world, raw).partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status in (303, 400, 404), head
    assert b"root:" not in body and b"import " not in body and b"[core]" not in body


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "HEAD", "PROPFIND", "get"])
def test_other_methods(world: World, method: str):
    raw = f"{method} /api/v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {manager(world).token}\r\nConnection: close\r\n\r\n"
    status = int(exchange(world, raw.encode()).split()[1])
    assert status in (400, 404, 405, 501), status


def test_a_method_cannot_be_overridden(world: World):
    user = world.documents["user"]["A"]
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        assert world.admin.call("GET", f"/users/{user}", headers={header: "DELETE"}).json["deleted"] is False


@pytest.mark.parametrize("framing", [
    "Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: xchunked", "Content-Length: +5", "Content-Length: -1", "Content-Length : 5", "Transfer-Encoding:\x0bchunked",
])  # fmt: skip
def test_nothing_can_be_smuggled(world: World, framing: str):
    """Two readings of one framing must never make a second request."""
    token = manager(world).token
    inner = f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    raw = f"POST /api/v1/customers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n{framing}\r\n\r\n0\r\n\r\n{inner}"
    answer = exchange(world, raw.encode("latin-1"), seconds=2)
    statuses = re.findall(rb"^HTTP/1\.1 (\d+)", answer, re.MULTILINE)
    assert b"200" not in statuses or statuses[0] == b"400", answer[:300]
    assert int(statuses[0]) < 500 if statuses else True


def test_header_values_stay_in_their_header(world: World):
    for name in ("X-Request-Id", "traceparent", "X-Forwarded-For", "X-Forwarded-Host", "Accept-Language", "If-Match", "Idempotency-Key"):
        raw = f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n{name}: a%0d%0aSet-Cookie: evil=1\r\nConnection: close\r\n\r\n"
        head, _, _ = exchange(world, raw.encode()).partition(b"\r\n\r\n")
        assert not re.search(rb"(?mi)^set-cookie", head), head


def test_who_asks_cannot_be_made_up(world: World):
    """An address that a trusted peer names is taken; rubbish is not; and it is one address only."""
    for given in ("x", "1.2.3.4, x", "' OR 1=1 --", "1.2.3.4\t5.6.7.8", "::ffff:1.2.3.4", "2130706433"):
        name = f"u-{uuid.uuid4().hex[:8]}"
        world.admin.call("POST", "/auth/token", {"grant_type": "password", "username": name, "password": "x"},
                         headers={"X-Forwarded-For": given, "Authorization": ""})
        [entry] = world.admin.get("/audit-log", username=name)["items"]
        assert re.fullmatch(r"[0-9a-f.:]+", entry["address"]), entry


def test_metrics_are_for_operators(world: World):
    base = world.suite.base
    assert requests.get(f"{base}/metrics", timeout=60).status_code == 200
    assert requests.get(f"{base}/metrics", headers={"X-Forwarded-For": "203.0.113.5"}, timeout=60).status_code == 404


def test_no_page_elsewhere_reads_our_answers(world: World):
    for origin in ("http://evil.example", "null"):
        answer = world.admin.call("GET", "/me", headers={"Origin": origin})
        assert not any(name.startswith("access-control-") for name in answer.headers)


def test_answers_are_not_kept_by_anybody(world: World):
    """Personal data must not lie in a shared cache, nor be read as something else than it is."""
    for path, caller in (("/me", world.admin), ("/customers", world.admin), ("/work-orders", world.admin), ("/customers", Client(world.suite.base))):
        answer = caller.call("GET", path)
        assert answer.headers["cache-control"] == "no-store", path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers or not re.search(r"\d", answer.headers["server"])


# -- stored script and formulas ---------------------------------------------------------------------------------------
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"


def test_a_stored_script_stays_text(world: World):
    """In the console's lists and documents, under a policy that runs no inline script."""
    from urllib.parse import quote

    made = world.admin.created("/customers", {"name": SCRIPT})
    order = world.admin.created("/work-orders", {"kind": "repair", "channel": "phone", "site_id": world.documents["site"]["A"],
                                                 "problem": SCRIPT, "customer_id": made["id"]})
    browser = requests.Session()
    browser.cookies.set("aftersales_token", str(world.admin._bearer()))
    seen = 0
    for path in ("/customers", f"/customers/{made['id']}", "/work-orders", f"/work-orders/{order['id']}", f"/customers?q={quote(SCRIPT)}"):
        page = browser.get(world.suite.base + path, timeout=20)
        if page.status_code != 200:
            continue
        seen += SCRIPT[:8] not in page.text and "&lt;script&gt;" in page.text
        assert "<script>alert" not in page.text and "<img src=x" not in page.text, path
        assert "49" not in re.findall(r"\{\{.*?\}\}", page.text)
        policy = page.headers["content-security-policy"]
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert "frame-ancestors" in policy
    assert seen, "the script's text was shown nowhere: nothing was tested"


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_formula_leaves_in_a_file(world: World, first: str):
    name = f"{first}HYPERLINK(\"http://127.0.0.1:1/\")"
    made = world.admin.call("POST", "/customers", {"name": name})
    if made.status == 400:
        return
    text = world.admin.call("GET", "/customers", query={"format": "csv", "sort": "-created_at"}).raw.decode("utf-8-sig")
    row = next(row for row in csv.DictReader(io.StringIO(text)) if row["id"] == made.json["id"])
    assert row["name"][0] not in "=+-@\t\r＝", row["name"]


# -- going somewhere else -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
                                    "/%09/evil.example", "http:evil.example", "/\tevil"])
def test_signing_in_leads_inside_only(world: World, target: str):
    browser = requests.Session()
    browser.cookies.set("aftersales_token", str(world.admin._bearer()))
    answer = browser.get(f"{world.suite.base}/sign-in", params={"next": target}, allow_redirects=False, timeout=10)
    where = answer.headers.get("location", "/")
    assert where.startswith("/") and not where.startswith(("//", "/\\")), where


def test_a_stranger_host_is_not_believed(world: World):
    """No absolute address is built from a Host that anybody may name."""
    raw = b"GET /work-orders HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n"
    answer = exchange(world, raw)
    location = re.search(rb"(?mi)^location: (.*)\r$", answer)
    assert location is None or location[1].startswith(b"/"), location
    assert json.loads(exchange(world, raw.replace(b"/work-orders", b"/api/v1/me")).partition(b"\r\n\r\n")[2])["code"] == "unauthenticated"
