"""A console in front of a small HTTP server, with a contract made up for these tests: what it shows of gadgets, it would
show of any new resource."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.test import TestResponse

from console import captcha, labels, session
from console.app import create_app
from console.contracts import Declared, Model
from tests.unit.console.answers import Answers

ID = "01890000-0000-7000-8000-000000000001"
OTHER = "01890000-0000-7000-8000-000000000002"
MAKER = "01890000-0000-7000-8000-00000000000a"
UUID = {"type": "string", "format": "uuid"}
STATES = {"type": "string", "enum": ["new", "open", "shut"]}


def listed(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"items": {"type": "array", "items": schema}}}


def answer(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}


def body(required: list[str], **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "required": required, "properties": properties}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


COST = {"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,4})?$"}
MONEY = {"type": "string", "pattern": r"^[0-9]{1,10}(\.[0-9]{1,2})?$"}
GADGET = {
    "type": "object",
    "properties": {
        "id": UUID,
        "version": {"type": "integer"},
        "number": {"type": "string"},
        "state": STATES,
        "name": {"type": "string", "maxLength": 200},
        "price": {"type": "string", "pattern": r"^-?[0-9]{1,13}\.[0-9]{2}$"},
        "cost": {"type": "string", "pattern": r"^\d+\.\d{4}$", "x-shown-to": "shop.cost.read"},
        "made_on": {"type": ["string", "null"], "format": "date"},
        "gadget_maker_id": {"type": ["string", "null"], "format": "uuid"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"count": {"type": "integer"}}}},
        "allowed_actions": {"type": "array", "items": {"type": "string"}},
        "created_at": {"type": "string", "format": "date-time"},
        "password": {"type": "string"},
    },
}
MAKERS = {
    "type": "object",
    "properties": {"id": UUID, "name": {"type": "string"}, "version": {"type": "integer"}},
}
NEW = body(
    ["name", "price"],
    name={"type": "string", "maxLength": 200},
    price=MONEY,
    cost=COST,
    made_on={"type": "string", "format": "date", "x-when": "past"},
    due_at={"type": "string", "format": "date-time", "x-when": "future"},
    gadget_maker_id=UUID,
    fragile={"type": "boolean"},
    lines={
        "type": "array",
        "items": {"type": "object", "required": ["count"], "properties": {"count": {"type": "integer"}}},
    },
)
QUERY = [
    {"name": "state", "in": "query", "schema": STATES},
    {"name": "gadget_maker_id", "in": "query", "schema": UUID},
    {"name": "q", "in": "query", "schema": {"type": "string"}},
    *(
        {"name": n, "in": "query", "schema": {"type": "string"}}
        for n in ("limit", "cursor", "sort", "total", "format")
    ),
]
REASON = body(["reason"], reason={"type": "string", "maxLength": 4000})
EMPTY = body([])
COUNTS = body([], lines={"type": "array", "items": {"type": "object", "required": ["of", "count"], "properties": {"of": {"type": "string"}, "count": {"type": "integer"}}}})

DECLARED: list[Declared] = [
    ("get", "/gadgets", {"x-permission": "toys.gadget.read", "x-sorts": ["number", "price"], "parameters": QUERY,
                         "responses": answer(listed(GADGET))}),
    ("post", "/gadgets", {"x-permission": "toys.gadget.create", "requestBody": NEW, "responses": answer(GADGET)}),
    ("get", "/gadgets/{gadget_id}", {"x-permission": "toys.gadget.read", "responses": answer(GADGET)}),
    ("patch", "/gadgets/{gadget_id}", {"x-permission": "toys.gadget.update", "requestBody": NEW, "responses": answer(GADGET)}),
    ("post", "/gadgets/{gadget_id}/open", {"x-permission": "toys.gadget.open", "requestBody": EMPTY, "responses": answer(GADGET)}),
    ("post", "/gadgets/{gadget_id}/count", {"x-permission": "toys.gadget.count", "requestBody": COUNTS, "responses": answer(GADGET)}),
    ("post", "/gadgets/{gadget_id}/price", {"x-permission": "toys.gadget.price", "requestBody": body(["price"], price=MONEY), "responses": answer(GADGET)}),
    ("post", "/gadgets/{gadget_id}/cancel", {"x-permission": "toys.gadget.cancel", "requestBody": REASON, "responses": answer(GADGET)}),
    ("post", "/gadgets/{gadget_id}/export", {"x-permission": "toys.gadget.export", "x-download": True, "requestBody": REASON,
                                             "responses": answer(GADGET)}),
    ("get", "/gadget-makers", {"x-permission": "toys.maker.read", "parameters": QUERY[2:], "responses": answer(listed(MAKERS))}),
    ("get", "/gadget-makers/{gadget_maker_id}", {"x-permission": "toys.maker.read", "responses": answer(MAKERS)}),
    ("get", "/me", {"x-permission": "authenticated", "responses": answer({"type": "object", "properties": {}})}),
    ("post", "/gadgets/batch", {"x-permission": "toys.gadget.create", "requestBody": EMPTY, "responses": answer(GADGET)}),
]  # fmt: skip

USER = {
    "username": "li",
    "name": "李",
    "roles": ["agent"],
    "permissions": ["toys.*"],
    "org_path": "/HQ/",
    "must_change_password": False,
}
DOCUMENT = {
    "id": ID, "version": 7, "number": "GD26110001", "state": "open", "name": "Drill", "price": "1234.50",
    "made_on": "2026-11-05", "gadget_maker_id": MAKER, "lines": [{"count": 3}], "allowed_actions": ["open", "cancel"],
    "created_at": "2026-11-05T01:00:00Z",
}  # fmt: skip


@pytest.fixture(scope="session")
def gadgets() -> Model:
    return Model(DECLARED)


@pytest.fixture
def answers() -> Iterator[Answers]:
    session._users._rows.clear()
    session._refreshed._rows.clear()
    labels._cache._rows.clear()
    captcha._failures._rows.clear()
    found = Answers()
    document = copy.deepcopy(DOCUMENT)
    found.rules |= {
        ("GET", "/me"): (200, dict(USER)),
        ("GET", "/gadgets"): (200, {"items": [document], "next_cursor": "next-one"}),
        ("GET", f"/gadgets/{ID}"): (200, document),
        ("GET", "/gadget-makers"): (
            200,
            {"items": [{"id": MAKER, "name": "Falke", "version": 1}], "next_cursor": None},
        ),
        ("GET", f"/gadget-makers/{MAKER}"): (200, {"id": MAKER, "name": "Falke", "version": 1}),
    }
    yield found
    found.close()


class Browser:
    """The test client with the two things a browser's user does: look at a page, and submit a form of it."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def page(self, path: str, **options: Any) -> str:
        answer = self.get(path, **options)
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        return answer.text

    def token(self, path: str = "/sign-in?again") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found
        return found[1]

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **options)


class Compiled(BytecodeCache):
    """Templates compiled once for all the applications of a run: that takes longer than what most tests here ask."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


@pytest.fixture
def visitor(answers: Answers, gadgets: Model) -> Browser:
    app = create_app(answers.url, gadgets)
    app.jinja_env.bytecode_cache = COMPILED
    return Browser(app.test_client())


@pytest.fixture
def browser(visitor: Browser) -> Browser:
    """Signed in, in English."""
    visitor.client.set_cookie("aftersales_token", "access-1")
    visitor.client.set_cookie("aftersales_refresh", "refresh-1")
    visitor.client.set_cookie("aftersales_lang", "en")
    return visitor
