"""Every filter that a contract names narrows its list: one that is forgotten would be taken and silently do nothing."""

import inspect
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import urlencode

import pytest
from sqlalchemy import Select, String, literal_column, select
from sqlalchemy.dialects import postgresql

from chassis.contracts import Operation
from chassis.db.reading import Reading
from chassis.domain.principal import Principal
from chassis.http.outside import PAGING
from chassis.http.paging import Listing, ListQuery
from chassis.http.resolver import Caller
from chassis.http.validation import Parameters
from tests.architecture.test_operations import OPERATIONS, function, named

SAMPLES = {
    "boolean": ("true", "false"), "integer": ("7",), "string": ("13800138000",),
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


def narrows(listed: Any, name: str, values: list[Any]) -> bool:
    """Whether it asks for another page with at least one of the values; one may be what is meant without."""

    def asked(**filters: Any) -> Any:
        uow, caller = Asked(), Caller("", "en", "")
        given = {"uow": uow, "query": ListQuery(filters), "caller": caller}
        listed(**{name: given[name] for name in inspect.signature(listed).parameters})
        (page,) = uow.pages
        return page

    return any(asked(**{name: value}) != asked() for value in values)


@pytest.mark.parametrize(("operation", "parameter"), FILTERS, ids=lambda one: named(one) if isinstance(one, Operation) else one["name"])
def test_each_filter_narrows_its_list(operation: Operation, parameter: dict[str, Any]):
    name, schema = parameter["name"], parameter["schema"]
    texts = schema.get("enum") or SAMPLES[schema.get("format", schema["type"])]
    parameters = Parameters(operation.spec)
    values = [parameters.parse_query(urlencode({name: text}).encode())[name] for text in texts]
    assert narrows(function(operation), name, values), f"{named(operation)} ignores {name}"


def test_this_file_would_notice():
    code, name = literal_column("code", String), literal_column("name", String)
    listing = Listing(select(code, name), sorts={"code": code}, default_sort="code", key=code, equal={"code": code})

    def listed(uow: Any, query: ListQuery) -> Any:
        return listing.page(uow, query, dict)

    assert narrows(listed, "code", ["x"]) and not narrows(listed, "name", ["x"])
    assert len(FILTERS) > 100
