"""Rows that follow the units which serve them (width 1.7): one link per row and unit, for every unit from a site up to below headquarters.

In go a table and what its rows are called (``Linked("customer", "customers", …)``); out come row-level security by links, lists that begin
with links (``page``, ``count``) and functions with the owner's rights that write links and marks: nobody else may. A list that began with the
rows would read all of them below their policy; decision note 0014 has the figures and what else was weighed.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.reading import Reading
from chassis.db.roles import app_role
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import HEADQUARTERS

PAGE_AT_MOST = 10_001
"""Rows that ``page`` gives at once; one more than may be sorted in memory."""
_SCOPE = "nullif(current_setting('app.scope', true), '')"
_NAMED = "nullif(current_setting('app.named', true), '')::uuid"
_RECENT = text("SELECT former, current FROM scope_moves WHERE moved_at > now() - interval '1 day' AND former <> current ORDER BY sequence")


class Link:
    """Mixin of a table of links: its class adds the row's id as first column of the primary key. ``created_at`` is the row's own, so that a
    unit's rows are an index in order. ``own``: the unit itself serves the row; otherwise a unit below it does."""

    unit_path: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    created_at: Mapped[datetime]
    own: Mapped[bool]


class Mark:
    """Mixin of a table of marks (``crypto.mark``): what rows are found by; its class adds the row's id as last column of the key."""

    mark: Mapped[int] = mapped_column(BigInteger, primary_key=True, sort_order=-2)
    created_at: Mapped[datetime] = mapped_column(primary_key=True, sort_order=-1)


@dataclass(frozen=True)
class Linked:
    """A table of linked rows: ``one`` names a row in the names of tables and functions (customer_links, customer_page). Where the company's
    ``parameter`` says "company", every unit sees all rows. ``may_name``: SQL for whether the unit ``scope`` may take over the row ``$1``
    that others serve."""

    one: str
    table: str
    parameter: str
    may_name: str = "false"

    # ---------------------------------------------------------------- reading

    def whole(self, uow: Reading, parameter: Any) -> bool:
        """Whether the caller sees all rows; ``parameter`` is the value in force."""
        return bool(uow.principal.scope) and (HEADQUARTERS.startswith(uow.principal.scope) or parameter == "company")

    def page(self, marks: Sequence[int], n: Any, after: tuple[datetime, uuid.UUID] | None = None, upward: bool = False) -> Any:
        """A FROM item with ``id`` and ``created_at`` of the caller's next ``n`` rows (or a bound parameter) that have all marks, newest
        first or ``upward``."""
        at, id = after or (None, None)
        asked = getattr(func, f"{self.one}_page")(
            literal(list(marks), ARRAY(BigInteger)), literal(at, DateTime(timezone=True)), literal(id, Uuid), literal(n, Integer) if isinstance(n, int) else n, upward
        )
        return asked.table_valued(sa.column("id", Uuid), sa.column("created_at", DateTime(timezone=True))).alias("page")

    def ids(self, marks: Sequence[int], n: int) -> Any:
        """A statement of the ids of such rows."""
        return select(self.page(marks, n).c.id)

    def count(self, uow: Reading, marks: Sequence[int]) -> int:
        found: int = uow.scalar(text(f"SELECT {self.one}_count(CAST(:marks AS bigint[]))"), {"marks": list(marks)})
        return found

    def by_id(self, uow: UnitOfWork, id: uuid.UUID) -> None:
        """From here to its end the transaction sees the row of this id if no unit serves it yet."""
        uow.first("SELECT set_config('app.named', %s, true)", (str(id),))

    # ---------------------------------------------------------------- writing

    def link(self, uow: UnitOfWork, id: uuid.UUID) -> bool:
        """The caller's unit serves the row from now on; False where it may not, or where there is no such row."""
        uow.locking = True
        return bool(uow.scalar(text(f"SELECT link_{self.one}(CAST(:id AS uuid))"), {"id": id}))

    def link_to(self, uow: UnitOfWork, id: uuid.UUID, unit_path: str) -> None:
        """The unit serves the row, as a document says; for system scopes. A row that is not there has no links."""
        uow.later(f"SELECT link_{self.one}_to(%s, %s)", (id, unit_path))

    def mark(self, uow: UnitOfWork, id: uuid.UUID, former: Sequence[int], marks: Sequence[int]) -> None:
        """The row, new or just changed, is found by ``marks`` from now on, and no more by those of ``former`` that are not among them."""
        uow.afterwards(f"SELECT mark_{self.one}(%s, %s::bigint[], %s::bigint[])", (id, list(former), list(marks)))

    def follow(self, uow: UnitOfWork) -> int:
        """Links follow the units that moved within the last day; how many rows had any. Called when the news of a move comes, and by a
        timer for what was linked under the old path meanwhile; a path that holds nothing costs one probe of an index."""
        moves = uow.rows(_RECENT)
        return sum(int(uow.scalar(text(f"SELECT move_{self.one}_links(:former, :current)"), {"former": row.former, "current": row.current})) for row in moves)

    # ---------------------------------------------------------------- for migrations

    def install(self, operations: Any) -> None:
        """Functions, trigger, policies and rights. The table has a ``home_path``, and its links and marks are there.

        The table's guard holds for its owner too (FORCE), so the functions below see what their caller sees, until they put themselves
        under the scope '/'. Links are the functions' own: their owner needs none there."""
        role = app_role(operations.get_bind())
        names = {"one": self.one, "table": self.table, "parameter": self.parameter, "may_name": self.may_name, "most": PAGE_AT_MOST}
        for statement in (*_SHARED, *_FUNCTIONS, *_GUARD):
            operations.execute(_filled(statement, names))
        for signature in _CALLED:
            operations.execute(f"REVOKE ALL ON FUNCTION {_filled(signature, names)} FROM PUBLIC")
            if role:
                operations.execute(f'GRANT EXECUTE ON FUNCTION {_filled(signature, names)} TO "{role}"')
        if role:
            columns = operations.get_bind().scalars(text(_COLUMNS), {"table": self.table}).all()
            changed = ", ".join(f'"{name}"' for name in columns)
            operations.execute(f'REVOKE ALL ON {self.one}_links, {self.one}_marks FROM "{role}"')
            operations.execute(f'GRANT SELECT ON {self.one}_links TO "{role}"')
            operations.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON {self.table} FROM "{role}"')
            operations.execute(f'GRANT UPDATE ({changed}) ON {self.table} TO "{role}"')

    def guard_child(self, operations: Any, table: str) -> None:
        """Rows of ``table`` are seen, and made, by whoever sees the row that they are about. Headquarters' do not ask: a child may be
        told of before its parent."""
        seen = f"(SELECT sees_all('{self.parameter}')) OR (SELECT true FROM {self.table} p WHERE p.id = {table}.{self.one}_id)"
        operations.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        operations.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        operations.execute(f"CREATE POLICY parent ON {table} USING ({seen}) WITH CHECK ({seen})")


def _filled(template: str, names: dict[str, Any]) -> str:
    for name, value in names.items():
        template = template.replace(f"<{name}>", str(value))
    return template


_COLUMNS = """SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped
    AND attname NOT IN ('id', 'created_at', 'home_path')"""
"""What the application may change of a row: not what its links and marks repeat, nor who took it in first."""

_SHARED = (
    # Every unit from this one up to below headquarters.
    """CREATE OR REPLACE FUNCTION units_of(path text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT '/' || array_to_string(parts[1:depth], '/') || '/'
    FROM (SELECT string_to_array(btrim(path, '/'), '/')) p (parts), generate_series(2, cardinality(parts)) depth
$$""",
    # Asked in a sub-select without a reference to the row, so that a statement asks once.
    """CREATE OR REPLACE FUNCTION sees_all(parameter text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT s.scope IN ('/', '/HQ/') OR EXISTS (SELECT FROM public.parameter_copies p WHERE p.key = parameter AND p.value = '"company"')
    FROM (SELECT nullif(current_setting('app.scope', true), '')) s (scope) WHERE s.scope IS NOT NULL
$$""",
)

_OWNERS = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_REFUSED = "USING ERRCODE = 'insufficient_privilege'"

# What a page and a count have in common: links of the caller's unit, or where he sees all, the first mark or the rows themselves. Each
# further mark is a join on both columns of the order, so that two indexes run beside each other and a page stops where it is full.
_SOURCE = f"""
    IF array_position(marks, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'a mark is a number' {_REFUSED};
    END IF;
    marks := coalesce(marks, '{{}}');
    source := CASE WHEN NOT whole THEN format('<one>_links s WHERE s.unit_path = %L', scope)
        WHEN cardinality(marks) > 0 THEN format('<one>_marks s WHERE s.mark = %L::bigint', marks[1])
        ELSE '(SELECT t.id AS <one>_id, t.created_at FROM <table> t) s WHERE true' END;
    FOR place IN CASE WHEN whole THEN 2 ELSE 1 END .. cardinality(marks) LOOP
        source := source || format(' AND EXISTS (SELECT FROM <one>_marks m WHERE m.mark = %L::bigint'
            ' AND m.created_at = s.created_at AND m.<one>_id = s.<one>_id)', marks[place]);
    END LOOP;"""

_FUNCTIONS = (
    # Parallel plans cost small lists thirty times what they take.
    f"""CREATE OR REPLACE FUNCTION <one>_page(marks bigint[], after_at timestamptz, after_id uuid, n integer, upward boolean)
RETURNS TABLE (id uuid, created_at timestamptz) STABLE ROWS 50 {_OWNERS} SET max_parallel_workers_per_gather = 0 AS $$
#variable_conflict use_column
DECLARE
    scope text := {_SCOPE}; whole boolean := coalesce(sees_all('<parameter>'), false); source text; place integer; way text := CASE WHEN upward THEN 'ASC' ELSE 'DESC' END;
BEGIN{_SOURCE}
    IF (n BETWEEN 1 AND <most>) IS NOT TRUE THEN
        RAISE EXCEPTION 'a page has 1 to <most> rows' {_REFUSED};
    END IF;
    IF after_id IS NOT NULL THEN
        source := source || format(' AND (s.created_at, s.<one>_id) %s ($1, $2)', CASE WHEN upward THEN '>' ELSE '<' END);
    END IF;
    RETURN QUERY EXECUTE format('SELECT s.<one>_id, s.created_at FROM %s ORDER BY s.created_at %s, s.<one>_id %s LIMIT $3', source, way, way)
        USING after_at, after_id, n;
END $$""",
    f"""CREATE OR REPLACE FUNCTION <one>_count(marks bigint[]) RETURNS bigint STABLE {_OWNERS} SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    scope text := {_SCOPE}; whole boolean := coalesce(sees_all('<parameter>'), false); source text; place integer; found bigint;
BEGIN{_SOURCE}
    EXECUTE 'SELECT count(*) FROM ' || source INTO found;
    RETURN found;
END $$""",
    # The unit and those above it. For the functions below, which lend it their rights.
    """CREATE OR REPLACE FUNCTION add_<one>_links(named uuid, born timestamptz, unit text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO <one>_links AS l (<one>_id, unit_path, created_at, own) SELECT named, u, born, u = unit FROM units_of(unit) u
    ON CONFLICT (<one>_id, unit_path) DO UPDATE SET own = true WHERE excluded.own AND NOT l.own
$$""",
    f"""CREATE OR REPLACE FUNCTION link_new_<one>() RETURNS trigger {_OWNERS} AS $$
DECLARE
    scope text := {_SCOPE};
BEGIN
    NEW.home_path := CASE WHEN EXISTS (SELECT FROM units_of(scope)) THEN scope END;
    PERFORM add_<one>_links(NEW.id, NEW.created_at, scope);
    RETURN NEW;
END $$""",
    # Locked, so that of two units that name a row which nobody serves, the second finds it served.
    f"""CREATE OR REPLACE FUNCTION link_<one>(named uuid) RETURNS boolean {_OWNERS} AS $$
DECLARE
    scope text := {_SCOPE}; born timestamptz; may boolean;
BEGIN
    IF scope IS NULL OR named IS NULL THEN
        RAISE EXCEPTION 'no unit, or nothing named' {_REFUSED};
    END IF;
    IF EXISTS (SELECT FROM <one>_links l WHERE l.<one>_id = named AND l.unit_path = scope AND l.own) THEN
        RETURN true;
    END IF;
    may := sees_all('<parameter>');
    PERFORM set_config('app.scope', '/', true);
    SELECT t.created_at INTO born FROM <table> t WHERE t.id = named FOR UPDATE;
    may := born IS NOT NULL AND (may OR EXISTS (SELECT FROM <one>_links l WHERE l.<one>_id = named AND l.unit_path = scope)
        OR NOT EXISTS (SELECT FROM <one>_links l WHERE l.<one>_id = named) OR (<may_name>));
    IF may AND EXISTS (SELECT FROM units_of(scope)) THEN
        PERFORM add_<one>_links(named, born, scope);
        UPDATE <table> t SET home_path = scope WHERE t.id = named AND t.home_path IS NULL;
    END IF;
    PERFORM set_config('app.scope', scope, true);
    RETURN may;
END $$""",
    f"""CREATE OR REPLACE FUNCTION link_<one>_to(named uuid, unit text) RETURNS void {_OWNERS} AS $$
DECLARE
    born timestamptz;
BEGIN
    IF {_SCOPE} IS DISTINCT FROM '/' OR (unit ~ '^/([^/]+/)+$') IS NOT TRUE OR named IS NULL THEN
        RAISE EXCEPTION 'what documents say is written under the scope of the system' {_REFUSED};
    END IF;
    IF EXISTS (SELECT FROM <one>_links l WHERE l.<one>_id = named AND l.unit_path = unit AND l.own) OR NOT EXISTS (SELECT FROM units_of(unit)) THEN
        RETURN;
    END IF;
    SELECT t.created_at INTO born FROM <table> t WHERE t.id = named FOR UPDATE;
    IF born IS NOT NULL THEN
        PERFORM add_<one>_links(named, born, unit);
        UPDATE <table> t SET home_path = unit WHERE t.id = named AND t.home_path IS NULL;
    END IF;
END $$""",
    # Of rows that the caller sees: their guard holds in here too.
    f"""CREATE OR REPLACE FUNCTION mark_<one>(named uuid, former bigint[], marks bigint[]) RETURNS void {_OWNERS} AS $$
DECLARE
    born timestamptz;
BEGIN
    SELECT t.created_at INTO born FROM <table> t WHERE t.id = named;
    IF born IS NULL OR marks IS NULL OR former IS NULL THEN
        RAISE EXCEPTION 'no such <one> in the scope of the caller' {_REFUSED};
    END IF;
    DELETE FROM <one>_marks m WHERE m.mark = ANY (former) AND m.mark <> ALL (marks) AND m.created_at = born AND m.<one>_id = named;
    INSERT INTO <one>_marks (mark, created_at, <one>_id) SELECT DISTINCT mark, born, named FROM unnest(marks) mark ON CONFLICT DO NOTHING;
END $$""",
    # Units' own links are rewritten; those of the units above are made anew from them, since they may stand for other units below as well.
    f"""CREATE OR REPLACE FUNCTION move_<one>_links(former text, current text) RETURNS bigint {_OWNERS} AS $$
DECLARE
    scope text := {_SCOPE}; moved uuid[];
BEGIN
    IF former !~ '^/([^/]+/)+$' OR current !~ '^/([^/]+/)+$' OR starts_with(current, former)
        OR (starts_with(former, scope) AND starts_with(current, scope)) IS NOT TRUE
        OR NOT EXISTS (SELECT FROM scope_moves m WHERE m.former = move_<one>_links.former AND m.current = move_<one>_links.current)
    THEN
        RAISE EXCEPTION 'no move of a unit in the scope of the caller: % to %', former, current {_REFUSED};
    END IF;
    moved := ARRAY(SELECT DISTINCT l.<one>_id FROM <one>_links l WHERE l.unit_path >= former AND l.unit_path < former || chr(1114111));
    IF cardinality(moved) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM set_config('app.scope', '/', true);
    PERFORM FROM <table> t WHERE t.id = ANY (moved) ORDER BY t.id FOR UPDATE;  -- who links one of them meanwhile comes before or after
    INSERT INTO <one>_links AS l (<one>_id, unit_path, created_at, own)
    SELECT o.<one>_id, move_<one>_links.current || substr(o.unit_path, length(former) + 1), o.created_at, true FROM <one>_links o
    WHERE o.own AND o.unit_path >= former AND o.unit_path < former || chr(1114111)
    ON CONFLICT (<one>_id, unit_path) DO UPDATE SET own = true WHERE NOT l.own;
    DELETE FROM <one>_links l WHERE l.unit_path >= former AND l.unit_path < former || chr(1114111);
    DELETE FROM <one>_links l WHERE l.<one>_id = ANY (moved) AND NOT l.own
    AND NOT EXISTS (SELECT FROM <one>_links o WHERE o.<one>_id = l.<one>_id AND o.own AND starts_with(o.unit_path, l.unit_path));
    INSERT INTO <one>_links (<one>_id, unit_path, created_at, own)
    SELECT DISTINCT o.<one>_id, u, o.created_at, false FROM <one>_links o, units_of(o.unit_path) u WHERE o.<one>_id = ANY (moved) AND o.own
    ON CONFLICT DO NOTHING;
    UPDATE <table> t SET home_path = move_<one>_links.current || substr(t.home_path, length(former) + 1)
    WHERE t.id = ANY (moved) AND starts_with(t.home_path, former);
    PERFORM set_config('app.scope', scope, true);
    RETURN cardinality(moved);
END $$""",
)

_CALLED = (
    "<one>_page(bigint[], timestamptz, uuid, integer, boolean)", "<one>_count(bigint[])", "link_<one>(uuid)", "link_<one>_to(uuid, text)",
    "mark_<one>(uuid, bigint[], bigint[])", "move_<one>_links(text, text)",
)  # fmt: skip

# Policies of their own for each verb: one for all would ask a new row for the link that it has not yet.
_SEEN = f"""(SELECT sees_all('<parameter>')) OR (SELECT true FROM <one>_links l WHERE l.<one>_id = <table>.id AND l.unit_path = {_SCOPE})"""
_GUARD = (
    "REVOKE ALL ON FUNCTION add_<one>_links(uuid, timestamptz, text) FROM PUBLIC",
    "REVOKE ALL ON FUNCTION link_new_<one>() FROM PUBLIC",
    "CREATE TRIGGER link BEFORE INSERT ON <table> FOR EACH ROW EXECUTE FUNCTION link_new_<one>()",
    "ALTER TABLE <one>_marks ALTER COLUMN mark SET STATISTICS 1000",
    "ALTER TABLE <one>_links ENABLE ROW LEVEL SECURITY",
    f"CREATE POLICY unit ON <one>_links FOR SELECT USING (unit_path = {_SCOPE} OR (SELECT {_SCOPE} IN ('/', '/HQ/')))",
    "ALTER TABLE <table> ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE <table> FORCE ROW LEVEL SECURITY",
    # A row that nobody serves is seen by who names its id, which is how he got it.
    f"CREATE POLICY seen ON <table> FOR SELECT USING ({_SEEN} OR (home_path IS NULL AND id = (SELECT {_NAMED}) AND {_SCOPE} IS NOT NULL))",
    f"CREATE POLICY changed ON <table> FOR UPDATE USING ({_SEEN})",
    f"CREATE POLICY made ON <table> FOR INSERT WITH CHECK ({_SCOPE} IS NOT NULL)",
)
