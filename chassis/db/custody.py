"""Custody in the database (O-101): a document about a thing that another site has is seen by its owner, by the holder and, while the thing is
on the road, by the addressee (``Held`` in base.py). Migrations say here which tables are such documents, and which rows follow one.

``move_custody(document, id, version, held_site_id, bound_site_id)`` alone writes who has the thing and who shall receive it: a policy
cannot tell a holder who gives it back from one who keeps it for good, since it knows the row before or after, never both. It runs as the
owner and checks what it is asked: the caller stands where such a step is made from, the version is the one he has written, the site exists.
Decision note 0013 has what was rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from chassis.db.roles import app_role

if TYPE_CHECKING:
    from alembic.operations import Operations

SCOPE = "nullif(current_setting('app.scope', true), '')"
"""A pooled connection reads '' after a transaction that had set it: that must not mean "every path"."""


def inside(path: str) -> str:
    """Whether a column's path lies in the caller's scope: a range, so that an index serves it below row-level security."""
    return f"""{path} COLLATE "C" >= {SCOPE} AND {path} COLLATE "C" < {SCOPE} || chr(1114111)"""


SEES = " OR ".join(f"({inside(path)})" for path in ("org_path", "held_path", "bound_path"))
COLUMNS = ("held_site_id", "held_path", "bound_site_id", "bound_path")
GUARDED = ("org_path", *COLUMNS)
"""What the application writes when a row is made, and never again."""

_STEP = """
        WHEN '{table}' THEN
            SELECT w.version, coalesce(w.held_path, w.org_path), w.bound_path, w.org_path, w.held_site_id, w.bound_site_id
                INTO known, giver, taker, whose, former, meant FROM {table} w WHERE w.id = wanted FOR UPDATE;
"""
_WRITE = """
        WHEN '{table}' THEN
            UPDATE {table} SET held_path = nullif(there, org_path), held_site_id = CASE WHEN there <> org_path THEN held END,
                bound_path = bound_for, bound_site_id = bound WHERE id = wanted;
            {also}
"""
_FUNCTION = """
CREATE OR REPLACE FUNCTION move_custody(document text, wanted uuid, stands int, held uuid, bound uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    seen text := nullif(current_setting('app.scope', true), '');
    known int; giver text; taker text; whose text; former uuid; meant uuid; there text; bound_for text;
BEGIN
    CASE document {steps}
        ELSE NULL;  -- no such kind: nothing is known of it
    END CASE;
    IF known IS NULL OR known IS DISTINCT FROM stands OR NOT (seen = '/'  -- a follower, which may have missed steps
        OR (held IS NOT DISTINCT FROM former AND meant IS NULL AND bound IS NOT NULL AND starts_with(giver, seen))
        OR (held IS NOT DISTINCT FROM former AND meant IS NOT NULL AND bound IS NULL AND (starts_with(giver, seen) OR starts_with(taker, seen)))
        OR (held IS NOT DISTINCT FROM former AND meant IS NOT DISTINCT FROM bound)
        OR (meant IS NOT NULL AND bound IS NULL AND starts_with(taker, seen)
            AND (held = meant OR (held IS NULL AND taker = whose)))
    ) THEN
        RAISE EXCEPTION 'no such step with % % from where the caller stands', document, wanted USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('app.scope', '/', true);  -- given back below, and by the rollback of whatever fails
    SELECT s.org_path INTO there FROM {sites} s WHERE s.id = held;
    SELECT s.org_path INTO bound_for FROM {sites} s WHERE s.id = bound;
    IF (held IS NOT NULL AND there IS NULL) OR (bound IS NOT NULL AND bound_for IS NULL) THEN
        RAISE EXCEPTION 'no such site' USING ERRCODE = 'foreign_key_violation';
    END IF;
    CASE document {writes}
    END CASE;
    PERFORM set_config('app.scope', seen, true);
END $$
"""


_BOUND = "SELECT 1 FROM pg_constraint WHERE conname = 'fk_' || :table || '_whose'"


def held(operations: Operations, table: str) -> None:
    """``table``, scoped so far, becomes a ``Held`` one: all three sides see and change its rows, the owner makes them."""
    for name in ("held_site_id", "bound_site_id"):
        operations.execute(f'ALTER TABLE "{table}" ADD COLUMN {name} uuid')
    for name in ("held_path", "bound_path"):
        operations.execute(f'ALTER TABLE "{table}" ADD COLUMN {name} text COLLATE "C"')
    seen_by_all_three(operations, table)


def copied(operations: Operations, table: str) -> None:
    """Rows of ``table`` are listed or summed without their document, so they carry its paths; ``functions(also=…)`` keeps them up."""
    for name in ("held_path", "bound_path"):
        operations.execute(f'ALTER TABLE "{table}" ADD COLUMN {name} text COLLATE "C"')
    seen_by_all_three(operations, table)


def seen_by_all_three(operations: Operations, table: str) -> None:
    """Policies and indexes of a table that has the columns. The paths are no longer the application's to change (migrate.py)."""
    operations.execute(f'DROP POLICY IF EXISTS scope ON "{table}"')
    operations.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    operations.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    # One policy FOR ALL would let a holder become the owner, and anybody file a document as another site's.
    operations.execute(f'CREATE POLICY seen ON "{table}" FOR SELECT USING ({SEES})')
    operations.execute(f'CREATE POLICY changed ON "{table}" FOR UPDATE USING ({SEES})')
    operations.execute(f'CREATE POLICY removed ON "{table}" FOR DELETE USING ({SEES})')
    operations.execute(f'CREATE POLICY made ON "{table}" FOR INSERT WITH CHECK ({inside("org_path")})')
    for name in ("held_path", "bound_path"):
        operations.execute(f'CREATE INDEX IF NOT EXISTS "ix_{table}_{name}" ON "{table}" ({name}) WHERE {name} IS NOT NULL')


def follows(operations: Operations, table: str, column: str, *parents: str, optional: bool = False) -> None:
    """Rows that are read by the id of their document, in ``column``, are seen where it is, and made with its path; which of the ``parents``
    it is says the id. ``optional``: their path may be null, which is company-wide."""
    own = f"({inside('org_path')})" + (f" OR (org_path IS NULL AND {SCOPE} IS NOT NULL)" if optional else "")
    seen = " OR ".join([own, *(f'(SELECT true FROM "{parent}" parent WHERE parent.id = "{table}".{column})' for parent in parents)])
    operations.execute(f'ALTER POLICY scope ON "{table}" USING ({seen}) WITH CHECK ({_made(table, column, parents, own)})')


def told(operations: Operations, *documents: str) -> None:
    """Whoever may change a document of another site tells of it: his events stand in the outbox with its path."""
    own = f"({inside('org_path')}) OR (org_path IS NULL AND {SCOPE} IS NOT NULL)"
    operations.execute(f"ALTER POLICY scope ON outbox WITH CHECK ({_made('outbox', 'subject::uuid', documents, own)})")


def _made(table: str, column: str, parents: Iterable[str], own: str) -> str:
    named = (f'(SELECT parent.org_path = "{table}".org_path FROM "{parent}" parent WHERE parent.id = "{table}".{column})' for parent in parents)
    return " OR ".join([own, *named])


def functions(operations: Operations, documents: Mapping[str, Sequence[str]], sites: str) -> None:
    """``move_custody`` of a service: its ``Held`` tables, with each the statements that bring along what carries its paths (``wanted`` is the
    document's id), and the table that has the sites."""
    steps = "".join(_STEP.format(table=table) for table in documents)
    writes = "".join(_WRITE.format(table=table, also="".join(f"{one};\n" for one in also)) for table, also in documents.items())
    operations.execute(_FUNCTION.format(steps=steps, writes=writes, sites=sites))
    operations.execute("REVOKE ALL ON FUNCTION move_custody(text, uuid, int, uuid, uuid) FROM PUBLIC")
    if role := app_role(operations.get_bind()):
        operations.execute(f'GRANT EXECUTE ON FUNCTION move_custody(text, uuid, int, uuid, uuid) TO "{role}"')


def bind(operations: Operations, parent: str, children: Iterable[tuple[str, str]]) -> None:
    """A foreign key alone passes by row security: with the path in it no row can be put on a document of others as one's own. ``children``:
    tables and their columns. Last in a revision, and harmless twice: what is there already is checked while everybody works."""
    children = tuple(children)
    for table, column in children:
        if not operations.get_bind().scalar(sa.text(_BOUND), {"table": table}):
            operations.execute(
                f'ALTER TABLE "{table}" ADD CONSTRAINT "fk_{table}_whose" FOREIGN KEY ({column}, org_path)'
                f' REFERENCES "{parent}" (id, org_path) DEFERRABLE NOT VALID'
            )
    with operations.get_context().autocommit_block():
        for table, _ in children:
            operations.execute(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "fk_{table}_whose"')
