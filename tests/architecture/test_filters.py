"""Every filter that a contract names narrows its list: one that is forgotten would be taken and silently do nothing."""

import inspect
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import Select, String, literal_column, select
from sqlalchemy.dialects import postgresql

from chassis import contracts
from chassis.contracts import Operation
from chassis.db.paging import Listing, ListQuery
from chassis.db.reading import Reading
from chassis.domain.principal import Principal
from chassis.http.outside import PAGING
from chassis.http.resolver import Caller
from chassis.http.validation import Parameters
from tests.architecture.test_operations import OPERATIONS, function, named
from tests.support.cells import over

SAMPLES = {
    "boolean": ("true", "false"), "integer": ("7",), "number": ("7.5",), "string": ("13800138000",),
    "uuid": ("01890000-0000-7000-8000-000000000001",), "date": ("2026-01-01",), "date-time": ("2026-01-01T00:00:00Z",),
}  # fmt: skip
DIALECT: Any = postgresql.dialect()
FILTERS = [
    (operation, parameter) for operation in OPERATIONS for parameter in operation.spec.get("parameters", [])
    if "x-sorts" in operation.spec and parameter["in"] == "query" and parameter["name"] not in PAGING
]  # fmt: skip


class Asked(Reading):
    """Finds nothing, and keeps the pages it was asked for."""

    def __init__(self) -> None:
        super().__init__(Principal.system("test"))
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.pages: list[tuple[str, dict[str, Any]]] = []

    @property
    def connection(self) -> NoReturn:
        raise AssertionError("there is no database here")

    def rows(self, statement: Any, parameters: Any = None) -> Any:
        statement = getattr(statement, "_statement", statement)
        if parameters and "_limit" in parameters:
            compiled = statement.compile(dialect=DIALECT)
            self.pages.append((str(compiled), {**compiled.params, **parameters}))
        elif isinstance(statement, Select) and not statement.get_final_froms():  # a look whether there is such a thing
            return [(True,) * len(statement.selected_columns)]
        return []


class AskedWithin(Asked):
    """The same for the rows of one document, which is there."""

    def scalar(self, statement: Any, parameters: Any = None) -> Any:
        return SAMPLES["uuid"][0]

    def find(self, cls: Any, *where: Any, **members: Any) -> Any:
        return [cls()]

    def _lookup(self, cls: Any, id: Any, lock: bool) -> Any:
        return cls()


def narrows(listed: Any, name: str, values: list[Any]) -> bool:
    """Whether it asks for another page with at least one of the values; one may be what is meant without."""

    def asked(**filters: Any) -> Any:
        names = inspect.signature(listed).parameters
        within = names.keys() - {"uow", "query", "caller"}
        uow, caller = AskedWithin() if within else Asked(), Caller("", "en", "")
        given = {"uow": uow, "query": ListQuery(filters), "caller": caller, "key": "tax.rate"}
        listed(**{name: given.get(name, UUID(SAMPLES["uuid"][0])) for name in names})
        (page,) = uow.pages
        return page

    return any(asked(**{name: value}) != asked() for value in values)


@over("operation, parameter", FILTERS, lambda cell: f"{named(cell[0])} {cell[1]['name']}")
def test_each_filter_narrows_its_list(operation: Operation, parameter: dict[str, Any]):
    name, schema = parameter["name"], parameter["schema"]
    texts = ("12.50",) if "x-amount" in schema else schema.get("enum") or SAMPLES[schema.get("format", schema["type"])]
    parameters = Parameters(operation.spec)
    values = [parameters.parse_query(urlencode({name: text}).encode())[name] for text in texts]
    assert narrows(function(operation), name, values), f"{named(operation)} ignores {name}"


UNSORTED = {
    "currency": "the same in every row",
    "password": "told once, never listed", "client_secret": "told once, never listed", "secret": "told once, never listed", "body": "on the delivery's page only",
    "unit_cost": "not shown to all who may list, and an order tells of it", "value": "not shown to all who may list, and an order tells of it",
    "name": "sealed", "phone": "sealed", "customer_name": "sealed",
    "ended": "computed of contract_ends_on, which sorts", "expired": "computed of expires_at, which sorts", "age_days": "computed of short_since, which sorts",
    "repair_days": "computed of periods", "reserved_all": "computed of lines", "issued_all": "computed of lines", "summary": "put together in the reader's language",
    "description_zh": "kept in the catalogue of parameters", "description_en": "kept in the catalogue of parameters",
}  # fmt: skip
"""Shown columns that have no order where a list does not name it, and why."""
LISTS = [operation for operation in OPERATIONS if "x-sorts" in operation.spec]


def shown(operation: Operation) -> dict[str, Any]:
    items = operation.spec["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["items"]["items"]["properties"]
    return {name: schema for name, schema in items.items() if not schema.get("x-single") and ("enum" in schema or ({"array", "object"}.isdisjoint(_types(schema)) and _types(schema)))}


def _types(schema: dict[str, Any]) -> set[str]:
    given = schema.get("type", ())
    return {given} if isinstance(given, str) else set(given)


@over("operation", LISTS, named)
def test_each_shown_column_sorts(operation: Operation):
    left = shown(operation).keys() - set(operation.spec["x-sorts"])
    assert left <= UNSORTED.keys(), f"{named(operation)} sorts by none of {sorted(left - UNSORTED.keys())}"


@over("operation", LISTS, named)
def test_each_day_time_and_amount_that_sorts_has_a_range(operation: Operation):
    names = {parameter["name"] for parameter in operation.spec["parameters"]}
    for name, schema in shown(operation).items():
        if name in operation.spec["x-sorts"] and (schema.get("format") in ("date", "date-time") or contracts.decimals(schema) is not None):
            assert {f"{name}_from", f"{name}_to"} <= names, name


def test_exceptions_are_of_some_list():
    assert UNSORTED.keys() <= {name for operation in LISTS for name in shown(operation).keys() - set(operation.spec["x-sorts"])}


def test_this_file_would_notice():
    code, name = literal_column("code", String), literal_column("name", String)
    listing = Listing(select(code, name), sorts={"code": code}, default_sort="code", key=code, equal={"code": code})

    def listed(uow: Any, query: ListQuery) -> Any:
        return listing.page(uow, query, dict)

    assert narrows(listed, "code", ["x"]) and not narrows(listed, "name", ["x"])
    assert len(FILTERS) > 100
