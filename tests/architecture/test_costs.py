"""What stock costs is for those who may see receipts, wherever it appears (chassis/http/restricted.py)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from chassis.http import outside, restricted
from gateway.routing import Table
from gateway.webhooks.catalogue import RIGHTS
from tests.support.cells import over
from tests.support.contracts import operations
from tests.support.world import ROOT

COST = re.compile(r"(^|_)(cost|costs|value)$")
RECEIPTS = "inventory.stock_receipt.read"
OWN = re.compile(r"inventory\.stock_receipt\..*")
"""Who makes a receipt or reads it has its costs before him."""


def members(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, member in schema.get("properties", {}).items():
        yield name, member
        yield from members(member)
    if "items" in schema:
        yield from members(schema["items"])


@over("operation", [o for o in operations() if o.service == "inventory"], lambda o: o.operation_id)
def test_costs_of_an_answer_ask_for_the_right(operation: Any) -> None:
    answer = outside.answer_of(operation.spec)
    costs = {name: member for name, member in members(answer) if COST.search(name)}
    if OWN.fullmatch(operation.permission or ""):
        return
    assert {name: member.get(restricted.MARK) for name, member in costs.items()} == dict.fromkeys(costs, RECEIPTS)
    assert not costs.keys() & set(operation.spec.get("x-sorts", ())), "an order tells of them too"


def test_the_audit_log_repeats_no_costs() -> None:
    """Whoever reads it may be somebody who may not see receipts."""
    table, asked = Table.of_contracts(), 0
    for operation in operations():
        body = operation.spec.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        for name, _ in [each for each in members(body) if COST.search(each[0]) and operation.service == "inventory"]:
            legible = table.match(operation.method.upper(), operation.path.replace("{", "").replace("}", "")).legible
            assert legible is not None and legible[name] is False, (operation.operation_id, name)
            asked += 1
    assert asked


@over("operation", operations(), lambda o: o.operation_id)
def test_what_may_be_left_out_is_not_required(operation: Any) -> None:
    def check(schema: dict[str, Any]) -> None:
        for name, member in schema.get("properties", {}).items():
            assert restricted.MARK not in member or name not in schema.get("required", ()), name
            check(member)
        check(schema["items"]) if "items" in schema else None

    check(outside.answer_of(operation.spec))


@over("path", sorted((ROOT / "contracts").glob("*/events/*.json")), lambda path: path.stem)
def test_an_event_with_costs_is_told_to_who_may_read_receipts(path: Any) -> None:
    if path.parent.parent.name != "inventory":
        return
    schema = json.loads(path.read_text(encoding="utf-8"))
    if any(COST.search(name) for name, _ in members(schema)):
        assert RIGHTS.get(f"inventory.{path.stem.split('.')[0]}", RECEIPTS) == RECEIPTS
