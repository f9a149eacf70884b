"""What PostgreSQL does for a statement: run once under EXPLAIN ANALYZE, and whether it went through a whole table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal

LIMIT = 10_000
"""Rows that one step of a statement may read. A page shows 50 or 200; one site's are found among those of
others, or sorted out of all its own."""
BOUNDED = {"users", "credentials", "org_units", "products", "parts", "sites", "technicians", "warehouses", "stock"}
"""As large as the company, not as its years: they may be read whole (their texts are found anywhere in them, and an index on
each quantity in stock would cost every movement)."""


@dataclass(frozen=True)
class Seen:
    """A statement as the application sent it, and how long it took."""

    statement: str
    parameters: Any
    seconds: float


@dataclass(frozen=True)
class Plan:
    seen: Seen
    root: dict[str, Any]

    @property
    def wide(self) -> list[str]:
        """Steps that read more than LIMIT rows of a table that grows for ever."""
        scans = [(node, rows) for node, rows in _read(self.root) if "Relation Name" in node]
        return [
            f"{_name(node)}: {rows:,.0f} rows" for node, rows in scans
            if rows > LIMIT * (5 if node["Relation Name"] in BOUNDED else 1)
        ]

    @property
    def tables(self) -> Counter[str]:
        """Rows read of each table."""
        read: Counter[str] = Counter()
        for node, rows in _read(self.root):
            if "Relation Name" in node:
                read[node["Relation Name"]] += round(rows)
        return read

    def lines(self) -> Iterator[str]:
        yield from _lines(self.root, 0)


def explain(engine: Any, principal: Principal, seen: Seen) -> Plan:
    """Under the caller's scope, as the application's role."""
    with UnitOfWork(engine, principal, read_only=True) as uow:
        text = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + seen.statement
        found: Any = uow.connection.exec_driver_sql(text, seen.parameters).scalar()
    return Plan(seen, found[0]["Plan"])


def _read(node: dict[str, Any]) -> Iterator[tuple[dict[str, Any], float]]:
    loops = node.get("Actual Loops", 1)
    thrown = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter"))
    yield node, (node.get("Actual Rows", 0) + thrown) * loops
    for child in node.get("Plans", ()):
        yield from _read(child)


def _name(node: dict[str, Any]) -> str:
    where = node.get("Index Name") or node.get("Relation Name") or ""
    return f"{node['Node Type']} {where}".strip()


def _lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    conditions = [node[key] for key in ("Index Cond", "Recheck Cond", "Filter", "Sort Key") if key in node]
    read = next(iter(_read(node)))[1]
    yield f"{'  ' * depth}{_name(node)} ({read:,.0f} rows) {' '.join(map(str, conditions))}"[:200]
    for child in node.get("Plans", ()):
        yield from _lines(child, depth + 1)
