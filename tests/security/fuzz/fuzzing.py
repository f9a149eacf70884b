"""One operation under fire: requests made from its contract, answers held against what may never be."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, Phase, given, seed as seeded, settings, strategies as st

from chassis import contracts as catalogue
from chassis.contracts import Operation
from chassis.db import cursors
from tests.security.fuzz.schemas import HOSTILE, ODD, fits, good, spoiled
from tests.security.matrix.cells import expectations, key_of
from tests.security.matrix.world import UNKNOWN, World
from tests.support import contracts
from tests.support.client import Answer, Client

KINDS = {
    "site_id": "site", "warehouse_id": "warehouse", "technician_id": "technician", "work_order_id": "work_order", "quick_job_id": "quick_job", "bill_id": "bill",
    "payment_id": "payment", "revisit_id": "revisit", "requisition_id": "requisition", "receipt_id": "receipt",
    "movement_id": "movement", "ledger_entry_id": "ledger_entry", "org_unit_id": "org_unit", "user_id": "user",
    "sign_in_device_id": "device_of_unit", "attachment_id": "attachment", "org_unit_code": "unit_code", "parent_code": "branch_code",
}  # fmt: skip
SHARED = {"customer_id": "customer", "device_id": "device", "product_id": "product", "part_id": "part", "labour_rate_id": "labour_rate", "role_id": "role"}
SELF = {"POST /auth/token", "POST /auth/logout", "POST /auth/password", "POST /auth/lock", "POST /auth/unlock"}
GUESSES = {"POST /users/{user_id}/reset-password"}
"""Asks an administrator for his own password: who gets it wrong five times is locked, and his session over."""
UNHEARD = {"GET /streams/me"}
"""An endless answer; its headers are fuzzed in test_outside.py."""
MALFORMED = [
    b"{", b"[]", b"null", b'"text"', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"a":1,}', b"{'a':1}", b"[" * 20000, b'{"a":' * 5000,
    b'{"a":NaN}', b'{"a":1e400}', b'{"a":"\\ud800"}', b'{"a":"\xc3\x28"}', b"\0", b"{}{}", b"a=1&b=2", b"<x/>",
]  # fmt: skip
CURSORS = [*HOSTILE, *(base64.urlsafe_b64encode(json.dumps(value).encode()).decode() for value in (
    1, 0.5, True, None, "abcd", [], {}, {"a": 1, "b": 2, "c": 3, "d": 4}, [[], [], [], []], [1, 2, 3, 4], ["", "at", None], ["", "at", None, None, None],
))]  # fmt: skip
PLACES = [*ODD, "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+23:59", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
          "9999-12-31T23:59:59-14:00", "0000-01-01", "NaN", "Infinity", "1e999999", "9" * 40, "1.5"]  # fmt: skip
"""Where a page may claim to have ended, put into cursors that are well made otherwise."""
IDS = ["%00", f"{{{UNKNOWN}}}", f"urn:uuid:{UNKNOWN}", UNKNOWN.upper(), UNKNOWN.replace("-", ""), "%EF%BC%90", "%ED%A0%80", "0" * 3000, "-1", "9" * 30]
BASIC = ["Basic", "Basic !", "Basic ====", "Basic \xff", "basic x", *("Basic " + base64.b64encode(raw).decode() for raw in (
    b"", b"a", b":", b"a:b", b"\xff:b", b"a:\xff", b"a\0:b", b"a%00:b", b"a:%00", b"a%ff:%ff", b"%ed%a0%80:x", b"a%0a:b", b":" * 500, b"x" * 5000,
))]  # fmt: skip
HEADERS = {
    "If-Match": ['"1"', "*", "W/\"1\"", "x", '"-1"', '"99999999999999999999"', '""', "'"],
    "Idempotency-Key": ["k", "x" * 200, "x" * 201, "%00", "../../x", "'; --", " "],
    "Accept-Language": ["en", "zh-CN", "*", "x" * 300, "en;q=abc", ",,,;;;"],
    "Accept": ["*/*", "text/html", "application/xml", "x"],
    "X-Forwarded-For": ["1.2.3.4", "::1", "x", "1.2.3.4, 5.6.7.8", "' OR 1=1", "A" * 2000],
    "traceparent": ["00-" + "a" * 32 + "-" + "b" * 16 + "-01", "x", "00-0-0-0", "A" * 500],
    "Content-Type": ["application/json; charset=utf-16", "text/plain", "application/json;", "multipart/form-data", "", "application/json, text/plain"],
    "Content-Encoding": ["gzip", "br", "identity"],
    "X-Request-Id": ["a b", "x" * 500, "é"],
    "Origin": ["http://evil.example", "null"],
}
LONE = re.compile("[\ud800-\udfff]|\\\\ud[89a-f]")
NOT_JSON = {"Content-Type", "Content-Encoding"}


@dataclass
class Request:
    target: str
    raw: bytes | None
    headers: dict[str, str]
    valid: bool
    """Whether body and query are what the contract asks for."""
    why: str = ""


@dataclass
class Tally:
    """What was sent, by operation and status."""

    requests: int = 0
    accepted: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    def line(self, operations: int) -> str:
        shown = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"fuzzing: {operations} operations, {self.requests} requests, {self.accepted} accepted ({shown})"


def pool(world: World, name: str) -> list[Any]:
    """Ids and codes that exist."""
    if name in KINDS:
        return list(world.documents[KINDS[name]].values())[:1]
    if name in SHARED:
        return [world.shared[SHARED[name]]]
    return {"rate_code": [world.company.rate["code"]], "roles": [["agent"]], "time_zone": ["Asia/Shanghai"],
            "permissions": [["orders.site.read"]], "username": []}.get(name, [])


class Fuzzer:
    """``examples`` for each operation; the same seed sends the same requests to a suite in the same state."""

    def __init__(self, world: World, examples: int, seed: int = 0) -> None:
        self.world, self.examples, self.seed = world, examples, seed
        self.tally = Tally()
        self.admin = world.admin
        self.powerless = self._powerless()
        self.victims: dict[str, Client] = {}

    def pool(self, name: str) -> list[Any]:
        return pool(self.world, name)

    def fuzz(self, operation: Operation) -> None:
        """Raises AssertionError with the request that should not have been answered so."""
        steps = settings(max_examples=self.examples, deadline=None, database=None, derandomize=self.seed == 0,
                         phases=[Phase.generate, Phase.shrink] if self.examples <= 100 else [Phase.generate],
                         suppress_health_check=list(HealthCheck), print_blob=False)

        @steps
        @given(st.data())
        def send(data: st.DataObject) -> None:
            self._one(operation, self._request(operation, data.draw), data.draw(st.integers(0, 4)) == 4)

        (seeded(self.seed)(send) if self.seed else send)()

    # -- making requests ---------------------------------------------------------------------------------------
    def _request(self, operation: Operation, draw: Any) -> Request:
        valid, why = True, ""
        path = operation.path
        for parameter in re.findall(r"\{(\w+)\}", path):
            known = self.pool(parameter) or ["tax.rate", "phone.region"]
            value = draw(st.sampled_from([*known * 8, UNKNOWN, *HOSTILE[:40:5], "..", "%2e%2e", "a/b", "a%2Fb", *IDS]))
            path = path.replace(f"{{{parameter}}}", quote(value, safe="%", errors="replace"))
        query, query_fits = self._query(operation, path, draw)
        if not query_fits:
            valid, why = False, "query"
        headers = {name: draw(st.sampled_from(values)) for name, values in HEADERS.items()
                   if draw(st.integers(0, 11)) == 11 and (name != "Content-Type" or operation.method != "get")}
        if operation.permission == "public":
            headers["Authorization"] = draw(st.sampled_from(BASIC))
        raw = None
        content = operation.spec.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            raw, body_fits = self._body(operation, content["schema"], draw)
            if not body_fits:
                valid, why = False, "body"
            if headers.keys() & NOT_JSON:
                valid, why = False, "not JSON"  # it may be taken as JSON or refused: both are fair
        target = path + (f"?{query}" if query else "")
        return Request(target, raw, headers, valid, why)

    def _query(self, operation: Operation, path: str, draw: Any) -> tuple[str, bool]:
        if "x-sorts" in operation.spec and draw(st.integers(0, 4)) == 4:
            return self._place(operation, path, draw), False
        declared = [p for p in operation.spec.get("parameters", []) if p["in"] == "query"]
        pairs: list[tuple[str, str]] = []
        whole = True
        for parameter in declared:
            if draw(st.integers(0, 9)) < 7:
                continue
            name, schema = parameter["name"], parameter["schema"]
            if draw(st.integers(0, 9)) < 7:
                value = draw(good(schema, self.pool, name))
                pairs.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
            else:
                pairs.append((name, draw(st.sampled_from(CURSORS if name == "cursor" else HOSTILE))))
        if draw(st.integers(0, 9)) == 9:
            pairs.append((draw(st.sampled_from(["unknown", "org_path", "limit", "sort", "q", "", "a[]", "$where"])), "x"))
            whole = False
        encoded = urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in pairs])
        if draw(st.integers(0, 19)) == 19:
            encoded, whole = encoded + draw(st.sampled_from(["&%", "&a=%ff", "&&&", "&limit=1&limit=2", "&" * 200, "&a=%00"])), False
        return encoded, whole

    def _place(self, operation: Operation, path: str, draw: Any) -> str:
        """A cursor of this list in one of its orders, at a place that it may not have."""
        sort = draw(st.sampled_from(["", "-"])) + draw(st.sampled_from(operation.spec["x-sorts"]))
        value, id = draw(st.sampled_from(PLACES)), draw(st.sampled_from([UNKNOWN, UNKNOWN, *PLACES]))
        try:
            cursor = cursors.encode(cursors.mark_of(path, {}), sort, value, id)
        except TypeError:  # no JSON holds it
            cursor = "x"
        return urlencode({"sort": sort, "cursor": cursor})

    def _body(self, operation: Operation, schema: dict[str, Any], draw: Any) -> tuple[bytes, bool]:
        kind = draw(st.integers(0, 9))
        if kind == 9:
            return draw(st.sampled_from(MALFORMED)), False
        value = draw(good(schema, self.pool)) if kind < 5 else draw(spoiled(schema, self.pool))
        try:
            raw = json.dumps(value).encode() if kind % 2 else json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raw = json.dumps(value).encode()
        # Rows of a batch are judged one by one, by the use case; a lone surrogate is no text for one of the two readers.
        judged = fits(schema, value) or "x-rows" in operation.spec
        return raw, judged and not LONE.search(str(value))

    # -- sending and judging -----------------------------------------------------------------------------------
    def _one(self, operation: Operation, request: Request, without_right: bool) -> None:
        key = key_of(operation)
        client = self._client(key, without_right)
        headers = {"Content-Type": "application/json", "Accept-Language": "en", **request.headers}
        token = client._bearer()
        answer = self._send(client, operation, request, {"Authorization": f"Bearer {token}", **headers})
        self.tally.requests += 1
        self.tally.accepted += answer.ok
        self.tally.statuses[answer.status] += 1
        shown = f"{key}\n  {operation.method.upper()} {request.target}\n  {request.headers}\n  {(request.raw or b'')[:600]!r}\n  → {answer.status} {answer.raw[:400]!r}"
        self._judge(operation, request, answer, without_right and client is self.powerless, shown)

    def _send(self, client: Client, operation: Operation, request: Request, headers: dict[str, str]) -> Answer:
        safe = {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()}
        return client.send(operation.method.upper(), request.target, request.raw, safe, repeatable=False)

    def _judge(self, operation: Operation, request: Request, answer: Answer, powerless: bool, shown: str) -> None:
        key = key_of(operation)
        assert answer.status < 500, f"a fault of ours: {shown}"
        routed = contracts.find(operation.method.upper(), request.target.removeprefix(contracts.BASE)) is not None
        if answer.ok:
            assert answer.status == operation.success, f"undeclared status: {shown}"
            assert request.valid or request.why != "body", f"an invalid body was accepted: {shown}"
            assert not powerless, f"done without the right: {shown}"
        else:
            document = answer.json
            known = catalogue.errors().get(document.get("code"))
            assert known is not None and known["status"] == answer.status == document["status"], f"undeclared problem: {shown}"
            assert not re.search(r"Traceback|psycopg2|sqlalchemy|/site-packages/|SELECT |org_path COLLATE", answer.raw.decode()), f"tells of our insides: {shown}"
            if powerless and routed and not _is_odd(request.target):
                assert answer.status in (403, 401, 413), f"looked at before the right: {shown}"
        if routed and key not in UNHEARD:
            contracts.check(operation.method.upper(), request.target.removeprefix(contracts.BASE), answer)
        assert all("\n" not in value and "\r" not in value for value in answer.headers.values()), f"header injection: {shown}"

    # -- callers -----------------------------------------------------------------------------------------------
    def _client(self, key: str, without_right: bool) -> Client:
        if key in SELF:
            return self._somebody("agent")
        if key in GUESSES and not without_right:
            return self._somebody("admin")
        expected = expectations()[key]
        return self.powerless if without_right and expected.reach in ("shared", "scoped") else self.admin

    def _somebody(self, role: str) -> Client:
        """A user of no further use, whose session may be ended and whose account may be locked."""
        victim = self.victims.get(role)
        if victim is None or victim.call("GET", "/me").status != 200:
            victim = self.victims[role] = self._user([role])
        return victim

    def _powerless(self) -> Client:
        """Somebody without any role: whatever needs a right is not his."""
        return self._user([])

    def _user(self, roles: list[str]) -> Client:
        username = f"fuzz-{uuid.uuid4().hex[:12]}"
        self.world.company.user(username, self.world.company.sites[0].code, roles)
        return Client(self.world.suite.base, token=self.world.fresh(username)["access_token"])


def _is_odd(target: str) -> bool:
    """A path that a router may well read otherwise than we meant."""
    return "%" in target.partition("?")[0] or ".." in target
