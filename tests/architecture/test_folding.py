"""What has a code is unique by its key and looked up by it: found from contracts and models, so a new resource is asked, too."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import sqlalchemy as sa
import yaml

from chassis.contracts import Operation
from chassis.db.folded import Key
from chassis.db.paging import ListQuery
from chassis.db.tables import metadata_of
from chassis.domain import folding
from chassis.http.resolver import Caller
from tests.architecture.test_filters import Asked
from tests.architecture.test_operations import OPERATIONS, function, named
from tests.support.cells import over
from tests.support.world import ROOT, services, sources

CODE = yaml.safe_load((ROOT / "contracts/common/schemas.yaml").read_text(encoding="utf-8"))["Code"]["pattern"]
TABLES = {table.name: table for service in services() for table in metadata_of(service).tables.values()}


def codes(operation: Operation) -> list[str]:
    """Members of a request that are codes of what it makes; what ends with ``_code`` names another document."""
    body = operation.spec.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    members = body.get("properties", {})
    return [name for name, schema in members.items() if schema.get("pattern") == CODE and not name.endswith("_code")]


def table_of(operation: Operation) -> sa.Table:
    return TABLES[operation.path.rpartition("/")[2].replace("-", "_")]


CODED = [(operation, member) for operation in OPERATIONS if operation.method.upper() == "POST" for member in codes(operation)]
LOOKED_UP = [
    (operation, parameter["name"]) for operation in OPERATIONS if "x-sorts" in operation.spec
    for parameter in operation.spec.get("parameters", [])
    if parameter["in"] == "query" and (parameter["schema"].get("pattern") == CODE or parameter["name"] in ("code", "org_unit_code"))
]  # fmt: skip


@over("operation, member", CODED, lambda cell: f"{named(cell[0])} {cell[1]}")
def test_a_code_is_unique_by_its_key(operation: Operation, member: str):
    """Everywhere, or where it belongs: a bin's in its warehouse."""
    table = table_of(operation)
    key = table.c[f"{member}_key"]
    assert isinstance(key.type, Key) and key.type.fold is folding.code and not key.nullable
    assert any(key in list(unique.columns) for unique in table.constraints if isinstance(unique, sa.UniqueConstraint))


@over("operation, name", LOOKED_UP, lambda cell: f"{named(cell[0])} {cell[1]}")
def test_a_code_is_looked_up_by_its_key(operation: Operation, name: str):
    asked = Asked()
    given: dict[str, Any] = {"uow": asked, "query": ListQuery({name: "X"}), "caller": Caller("", "en", "")}
    listed = function(operation)
    listed(**{each: given[each] for each in inspect.signature(listed).parameters})
    ((statement, _),) = asked.pages
    assert "_key = " in statement, statement


def test_there_are_such():
    assert {table_of(operation).name for operation, _ in CODED} >= {"parts", "warehouses", "products", "sites", "labour_rates", "org_units"}
    assert {named(operation) for operation, _ in LOOKED_UP} >= {"inventory:stock.search", "gateway:identity.search_org_units"}


ELSEWHERE = {
    "chassis/domain/folding.py", "chassis/attachments/names.py",  # names of files are cleaned, not compared
    "console/understand.py", "gateway/identity/user.py",  # digits of amounts; signs that no sign-in name has
    "console/captcha.py",  # counts tries
}  # fmt: skip


def test_texts_are_folded_in_one_place():
    """A second rule of what is the same would find in one list what another does not."""
    folders = set()
    for path in sources():
        names = {node.attr for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)}
        if names & {"normalize", "casefold"}:
            folders.add(str(path.relative_to(ROOT)))
    assert folders <= ELSEWHERE, f"fold with chassis/domain/folding.py: {folders - ELSEWHERE}"
