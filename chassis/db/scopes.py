"""Moves of scopes (G-11): when a unit gets another place in the tree, every row that carries its path follows.

A row that was on its way while the unit moved (a request that had read the old path, an event with the old ``orgpath``) may
still land under the old path. So each service remembers the move for a day and looks again every few seconds; a path that
holds nothing costs one probe of an index. Decision note 0005 tells what else was weighed.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import text

from chassis.db.roles import app_role
from chassis.db.uow import UnitOfWork

_NEWEST = text("SELECT current, sequence FROM scope_moves WHERE unit_id = :unit ORDER BY sequence DESC LIMIT 1")
_REMEMBER = text(
    "INSERT INTO scope_moves (unit_id, former, current, sequence, moved_at) VALUES (:unit, :former, :current, :sequence, :now)"
    " ON CONFLICT (unit_id, former) DO UPDATE SET current = excluded.current, sequence = excluded.sequence, moved_at = excluded.moved_at"
)
_REDIRECT = text("UPDATE scope_moves SET current = :current, sequence = :sequence WHERE unit_id = :unit")
_BACK_HOME = text("DELETE FROM scope_moves WHERE unit_id = :unit AND former = current")
_RECENT = text("SELECT former, current FROM scope_moves WHERE moved_at > now() - interval '1 day' AND (:unit IS NULL OR unit_id = :unit)")
_PATIENCE = text("SET LOCAL statement_timeout = '10min'")
_MOVE = text("SELECT move_scope(:former, :current)")


def follow(uow: UnitOfWork, unit_id: uuid.UUID, sequence: int, former: str, current: str) -> int:
    """Rewrites ``former`` at the beginning of every path to ``current``, the owner's, the holder's and the addressee's; how many rows
    followed.

    ``sequence`` is the unit's version: news that is older than what is known sends its rows where the unit is now.
    """
    current, sequence = whereabouts(uow, unit_id, sequence, current)
    place = {"unit": unit_id, "current": current, "sequence": sequence}
    uow.execute(_REMEMBER, {**place, "former": former, "now": uow.now})
    uow.execute(_REDIRECT, place)
    moved = _rewrite(uow, unit_id)
    uow.execute(_BACK_HOME, {"unit": unit_id})
    return moved


def whereabouts(uow: UnitOfWork, unit_id: uuid.UUID, sequence: int, current: str) -> tuple[str, int]:
    """Where the unit is by the newest news, and the version that said so."""
    known = uow.rows(_NEWEST, {"unit": unit_id})
    return (known[0].current, known[0].sequence) if known and known[0].sequence > sequence else (current, sequence)


def gather(uow: UnitOfWork) -> None:
    """Brings home what landed under a path that a unit left within the last day; run by a timer of every service."""
    _rewrite(uow, None)


def _rewrite(uow: UnitOfWork, unit_id: uuid.UUID | None) -> int:
    moves = [row for row in uow.rows(_RECENT, {"unit": unit_id}) if row.former != row.current]
    if moves:
        uow.execute(_PATIENCE)  # all rows of a site in one transaction: they are seen in one place or the other
    return sum(int(uow.scalar(_MOVE, {"former": row.former, "current": row.current})) for row in moves)


# ---------------------------------------------------------------- for migrations

HISTORICAL = ("audit_entries", "outbox")
"""Tables whose paths tell of the past: they stay."""
_FUNCTION = f"""
CREATE OR REPLACE FUNCTION move_scope(former text, current text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    place text; path text; touched bigint; moved bigint := 0; seen text := nullif(current_setting('app.scope', true), '');
BEGIN
    IF former !~ '^/([^/]+/)+$' OR current !~ '^/([^/]+/)+$'
        OR (starts_with(former, seen) AND starts_with(current, seen)) IS NOT TRUE
        OR NOT EXISTS (SELECT FROM scope_moves m WHERE m.former = move_scope.former AND m.current = move_scope.current)
    THEN
        RAISE EXCEPTION 'no move of a unit in the scope of the caller: % to %', former, current USING ERRCODE = 'insufficient_privilege';
    END IF;
    SET CONSTRAINTS ALL DEFERRED;  -- parent and child rows carry the path and refer to each other by it
    FOR place, path IN
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE a.attname IN ('org_path', 'held_path', 'bound_path') AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND c.relrowsecurity
        AND c.relnamespace = 'public'::regnamespace AND c.relname <> ALL ('{{{",".join(HISTORICAL)}}}') ORDER BY 1, 2
    LOOP
        EXECUTE format('UPDATE public.%1$I SET %2$I = $2 || substr(%2$I, length($1) + 1)'
            ' WHERE %2$I COLLATE "C" >= $1 AND %2$I COLLATE "C" < $1 || chr(1114111)'
            ' AND %2$I ~>=~ $1 AND %2$I ~<~ ($1 || chr(1114111))', place, path)  -- the same, by the index of rows that follow a parent
            USING former, current;
        GET DIAGNOSTICS touched = ROW_COUNT;
        moved := moved + touched;
    END LOOP;
    RETURN moved;
END $$
"""


def scope_moves(operations: Any) -> None:
    """Table and function: ``move_scope(former, current)`` rewrites the beginning of every path below ``former`` (org_path, held_path,
    bound_path), in whatever tables row-level security guards, ledgers included, and tells how many rows.

    It runs as the owner, since the application may change nothing in a ledger. It does what a remembered move says, within the
    caller's scope, and nothing else; row-level security holds for the owner too.
    """
    from chassis.db.tables import chassis_metadata

    chassis_metadata.tables["scope_moves"].create(operations.get_bind(), checkfirst=True)
    operations.execute(_FUNCTION)
    operations.execute("REVOKE ALL ON FUNCTION move_scope(text, text) FROM PUBLIC")
    if role := app_role(operations.get_bind()):
        operations.execute(f'GRANT EXECUTE ON FUNCTION move_scope(text, text) TO "{role}"')
