"""What an outside account is shown (G-10): nothing but what the contract names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chassis import contracts
from chassis.db.statements import scope_of
from chassis.domain.principal import Principal
from chassis.http import outside
from chassis.http.auth import principal_of
from tests.support.cells import over

LINE = {"type": "object", "x-outside": ["text"], "properties": {"text": {"type": "string"}, "cost": {"type": "string"}}, "required": ["text", "cost"]}
ORDER: dict[str, Any] = {
    "type": "object",
    "x-outside": ["id", "lines", "quote"],
    "required": ["id", "note"],
    "properties": {
        "id": {"type": "string"},
        "note": {"type": "string"},
        "lines": {"type": "array", "items": LINE},
        "quote": {"oneOf": [{"type": "null"}, LINE]},
    },
}


def test_only_named_members_are_shown_however_deep():
    whole = {"id": "1", "note": "x", "lines": [{"text": "a", "cost": "1"}], "quote": {"text": "b", "cost": "2"}, "unknown": 1}
    assert outside.shown(ORDER | {"properties": outside.visible(ORDER)["properties"]}, whole) == {
        "id": "1", "lines": [{"text": "a"}], "quote": {"text": "b"}}
    assert outside.shown(outside.visible(ORDER), {"id": "1", "quote": None}) == {"id": "1", "quote": None}


def test_an_object_that_names_nothing_shows_nothing():
    bare = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert outside.shown(outside.visible(bare), {"a": "x"}) == {}
    assert outside.shown({"type": "object"}, {"anything": "x"}) == {}, "free objects have no schema to name their members"


def test_the_narrowed_schema_is_closed():
    narrow = outside.visible(ORDER)
    assert set(narrow["properties"]) == {"id", "lines", "quote"} and narrow["required"] == ["id"]
    assert narrow["additionalProperties"] is False and narrow["properties"]["lines"]["items"]["required"] == ["text"]


MARKED = [o for service in contracts.services() for o in contracts.operations(service) if o.outside]


def objects(schema: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of an answer that an outside account is shown."""
    if not isinstance(schema, dict):
        return
    if "object" in (kinds if isinstance(kinds := schema.get("type"), list) else [kinds]):
        yield where, schema
        for name, inner in schema.get("properties", {}).items():
            if name in schema.get("x-outside", ()):
                yield from objects(inner, f"{where}.{name}")
    for word in ("oneOf", "anyOf"):
        for inner in schema.get(word, ()):
            yield from objects(inner, where)
    yield from objects(schema.get("items"), f"{where}[]")


@over("operation", MARKED, lambda operation: operation.operation_id)
def test_every_object_of_a_marked_operation_names_members_it_has(operation: contracts.Operation):
    for where, schema in objects(outside.answer_of(operation.spec), operation.operation_id):
        named = schema.get("x-outside", [])
        assert named, f"{where} names nothing for outside accounts"
        assert set(named) <= set(schema.get("properties", {})), f"{where}: {set(named) - set(schema['properties'])}"


INTERNAL = {"created_by", "updated_by", "org_path", "maker_total", "maker_amount", "unit_price", "net", "tax", "actor", "diagnosis",
            "technician_id", "technician_name", "cancel_reason", "received_by", "billing", "returns", "data"}  # fmt: skip


@over("operation", MARKED, lambda operation: operation.operation_id)
def test_nothing_internal_is_named(operation: contracts.Operation):
    for where, schema in objects(outside.visible(outside.answer_of(operation.spec)), operation.operation_id):
        assert not INTERNAL & set(schema.get("properties", {})), where


def test_an_operation_as_an_outsider_knows_it():
    order = next(o for o in MARKED if o.operation_id == "repairs.search")
    narrow = outside.visible_operation(order.spec)
    names = {parameter["name"] for parameter in narrow["parameters"]}
    assert "state" in names and "cursor" in names and "technician_id" not in names
    opened = next(o for o in MARKED if o.operation_id == "repairs.create")
    members = outside.visible_operation(opened.spec)["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert "problem" in members and not {"customer_id", "dealer_id"} & set(members)


def test_staff_run_as_they_did_and_outsiders_step_down():
    assert scope_of(Principal("li", "/HQ/")) == ("SET LOCAL app.scope = %s", ("/HQ/",))
    statement, values = scope_of(Principal("li", "/HQ/", party="p"))
    assert "set_config('app.party', %s, true)" in statement and "set_config('role', " in statement and values == ("/HQ/", "p")


def test_the_party_of_a_token():
    claims = {"username": "x", "org_path": "/HQ/", "sub": "1"}
    assert not principal_of(claims).is_outside and not Principal.system("x").is_outside
    found = principal_of({**claims, "party": {"id": "p", "kind": "dealer", "scope": "/HQ/N/", "until": 1}})
    assert (found.is_outside, found.party, found.party_kind, found.scope) == (True, "p", "dealer", "/HQ/N/")
