"""Customers of a made company, sealed as the services seal them: what only the application can write is put into a table of
its own first, from which SQL fills the rest of the row."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.db.base import Base
from chassis.db.rows import mapping
from chassis.db.sealed import Encrypted

AT_ONCE = 20_000
MARKS = "marks"
"""What people are found by, where that is rows of a table of its own."""


def name(g: int) -> str:
    return f"Customer {g}"


def phones(g: int) -> list[str]:
    """As people have them: those who come one after the other have nothing alike. No two are the same."""
    return [f"+86139{g * 61_803_399 % 100_000_000:08}"]


def _customer(g: int) -> dict[str, Any]:
    from services.callcenter.customers.customer import name_marks, phone_marks

    return {
        "name": name(g),
        "phones": phones(g),
        MARKS: name_marks(name(g)) + phone_marks(phones(g)),
    }


def _copy(g: int) -> dict[str, Any]:
    from services.orders.masters.phones import phone_marks

    return {"name": name(g), "phones": phones(g), "phone_marks": phone_marks(phones(g))}


PEOPLE: Mapping[str, Callable[[int], dict[str, Any]]] = {"customers": _customer, "customer_copies": _copy}


def prepare(cursor: Any, table: sa.Table, rows: int, id: Callable[[int], UUID]) -> str | None:
    """Fills ``sealed`` (g, columns that only the application can write) and says where else the row's values come from; None
    for tables that have no such columns."""
    people = PEOPLE.get(table.name)
    if people is None:
        return None
    mapped = next(
        one.class_
        for one in Base.registry.mappers
        if isinstance(one.local_table, sa.Table) and one.local_table.name == table.name
    )
    columns = list(people(0))
    types = ", ".join(
        f"{c} {'bytea' if c in table.c and isinstance(table.c[c].type, Encrypted) else 'bigint[]'}" for c in columns
    )
    cursor.execute(
        f"DROP TABLE IF EXISTS sealed; CREATE UNLOGGED TABLE sealed (g bigint PRIMARY KEY, {types})"
    )
    for first in range(0, rows, AT_ONCE):
        lines = "".join(_lines(mapped, people, columns, range(first, min(rows, first + AT_ONCE)), id))
        cursor.copy_expert("COPY sealed FROM STDIN", io.StringIO(lines))
    return "sealed"


def link(cursor: Any, id: str, unit_path: str) -> None:
    """Marks and links of the customers just made, from ``sealed``; ``id`` and ``unit_path`` (of the site that serves them) in SQL of g."""
    made = f"(SELECT s.g, s.marks, {id} AS id FROM sealed s) s JOIN customers c ON c.id = s.id"
    cursor.execute(f"INSERT INTO customer_marks (mark, created_at, customer_id) SELECT DISTINCT m, c.created_at, c.id FROM {made}, unnest(s.marks) m")
    cursor.execute(
        "INSERT INTO customer_links (customer_id, unit_path, created_at, own) SELECT c.id, u, c.created_at, u = s.site"
        f" FROM (SELECT s.g, {id} AS id, {unit_path} AS site FROM sealed s) s JOIN customers c ON c.id = s.id, units_of(s.site) u"
    )


def sealed_columns(table: sa.Table) -> set[str]:
    return set(PEOPLE[table.name](0)) if table.name in PEOPLE else set()


def _lines(
    mapped: type,
    people: Callable[[int], dict[str, Any]],
    columns: list[str],
    numbers: range,
    id: Callable[[int], UUID],
) -> Iterator[str]:
    known = mapping(mapped)
    for g in numbers:
        values = known.sealed({"id": id(g), **people(g)})
        yield "\t".join([str(g), *(_text(values[column]) for column in columns)]) + "\n"


def _text(value: Any) -> str:
    return f"\\\\x{value.hex()}" if isinstance(value, bytes) else "{" + ",".join(map(str, value)) + "}"
