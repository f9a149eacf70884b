"""What is derived from the suite's own contracts."""

from __future__ import annotations

import pytest

from console.contracts import Model, may
from console.fields import kind_of, merged
from console.labels import short
from console.screen import columns as columns_of, screens
from console.work_orders import usual


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.of_contracts()


def test_ordinary_resources_are_all_there(model: Model) -> None:
    names = (
        "work-orders products devices sites technicians customers parts warehouses stock stock-receipts labour-rates bills"
        " revisits users org-units parameters requisitions payments roles"
    )
    assert set(names.split()) <= set(model.resources)
    for name in ("work-orders", "customers", "devices", "users", "parts", "sites"):
        resource = model.resources[name]
        assert resource.list and resource.get and resource.create, name
    assert model.resources["parameters"].key == "key" and model.resources["parameters"].update


def test_the_actions_of_a_work_order(model: Model) -> None:
    expected = "assign start diagnose quote approve reject complete check hand-over audit cancel return-parts"
    assert set(expected.split()) <= set(model.resources["work-orders"].actions)
    assert "timeline" in model.resources["work-orders"].parts


def test_what_has_a_wait_of_its_own_is_an_action(model: Model) -> None:
    for name, verb in (told.split(".") for told in screens()["wait"]):
        assert verb in model.resources[name].actions or (verb == "create" and model.resources[name].create)


def test_what_is_shown_as_another_has_its_members(model: Model) -> None:
    for name, other in screens()["shown_as"].items():
        assert {f.name for f in model.resources[name].members} == {f.name for f in model.resources[other].members}


def test_kinds_of_fields(model: Model) -> None:
    create = model.resources["work-orders"].create
    assert create
    fields = {f.name: f for f in create.body}
    assert fields["site_id"].reference and fields["site_id"].reference.resource == "sites"
    assert fields["channel"].kind == "enum" and "phone" in fields["channel"].options
    assert fields["problem"].kind == "longtext" and fields["problem"].required
    quote = {f.name: f for f in model.resources["work-orders"].actions["quote"].body}
    rate = quote["labour"].fields[0]
    assert rate.reference and (rate.reference.resource, rate.reference.member) == ("labour-rates", "code")
    bill = {f.name: f.kind for f in model.resources["bills"].members}
    assert (bill["customer_total"], bill["lines"], bill["issued_on"]) == ("money", "list", "date")
    unit = {f.name: f.reference for f in model.resources["org-units"].create.body}  # type: ignore[union-attr]
    assert unit["parent_code"] and unit["parent_code"].resource == "org-units"
    user = {f.name: f for f in model.resources["users"].create.body}  # type: ignore[union-attr]
    assert user["roles"].kind == "choices" and user["password"].kind == "password"
    assert user["username"].reference is None, "a new name, not an old one"


def test_both_sides_of_the_ledger_are_shown(model: Model) -> None:
    shown = [f.name for f in columns_of(model.resources["ledger-entries"], "en")]
    assert {"account", "debit", "credit"} <= set(shown)
    assert "name_en" in [f.name for f in columns_of(model.resources["accounts"], "en")]
    lines = next(f for f in model.resources["stock-receipts"].members if f.name == "lines")
    assert all(f.numeric for f in lines.fields if f.name in ("quantity", "unit_cost", "value"))


def test_what_has_no_number_is_called_by_its_order() -> None:
    assert short({"id": "01890000-0000-7000-8000-000000000001", "work_order_number": "RE26110001"}) == "RE26110001"


def test_related_documents(model: Model) -> None:
    related = {other.name: by for other, by in model.related(model.resources["work-orders"])}
    assert related["bills"] == related["revisits"] == related["requisitions"] == "work_order_id"


def test_screens_name_what_exists(model: Model) -> None:
    found = screens()
    named = (
        {name for names in found["menu"].values() for name in names}
        | set(found["go"].values())
        | set(found["find"])
    )
    assert named <= set(model.resources)
    verbs = {verb for resource in model.resources.values() for verb in resource.actions}
    assert set(found["danger"]) <= verbs
    for name, conditions in found["work"].items():
        query = {f.name: f for f in model.resources[name].list.query}  # type: ignore[union-attr]
        assert {*conditions, "total"} <= set(query), name
        assert all(value == "today" or value in query[key].options for key, value in conditions.items()), name
    for action, begins in found["begins"].items():
        name, _, verb = action.partition(".")
        assert set(begins) <= {f.name for f in model.resources[name].actions[verb].body}, action
        members = {f.name for f in model.resources[name].members}
        assert {member if isinstance(path, dict) else path.partition(".")[0] for member, path in begins.items()} <= members, action
    for action in found["asks_when_refused"]:
        name, _, verb = action.partition(".")
        assert not any(f.required for f in model.resources[name].actions[verb].body), action
    for key, columns in found["columns"].items():
        name, _, by = key.partition(" by ")
        listing = model.resources[name].list
        assert listing and set(columns) <= {f.name for f in listing.answer}, key
        assert not by or by in next(f for f in model.resources[name].filters if f.name == "by").options, key
    for name, filters in found["filters"].items():
        assert set(filters) <= {f.name for f in model.resources[name].filters}, name


@pytest.mark.parametrize(
    ("order", "step"),
    [
        ({"state": "registered"}, "assign"),
        ({"state": "registered", "technician_id": "x"}, "start"),
        ({"state": "in_repair"}, "diagnose"),
        ({"state": "in_repair", "diagnosis": {"symptom": "x"}}, "quote"),
        ({"state": "in_repair", "diagnosis": {"symptom": "x"}, "waiting_for": "approval"}, "approve"),
        ({"state": "in_repair", "diagnosis": {"symptom": "x"}, "approved_version": 1}, "complete"),
        ({"state": "in_check"}, "check"),
    ],
)
def test_the_usual_next_step(order: dict[str, object], step: str) -> None:
    assert usual(order)[0] == step


def test_rights() -> None:
    patterns = frozenset({"orders.work_order.*", "finance.bill.read"})
    assert (
        may(patterns, "orders.work_order.start")
        and may(patterns, "finance.bill.read")
        and may(frozenset(), "authenticated")
    )
    assert (
        not may(patterns, "finance.bill.readers")
        and not may(patterns, "orders.workshop")
        and not may(frozenset(), "x.y.z")
    )


def test_nullable_and_composed_schemas() -> None:
    date = merged({"oneOf": [{"type": "null"}, {"type": "string", "format": "date"}]})
    assert kind_of("x", date)[0] == "date" and "null" in date["type"]
    both = merged(
        {"allOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}]}
    )
    assert set(both["properties"]) == {"a", "b"} and both["required"] == ["a"]
