"""Moves of scopes (G-11): when a unit gets another place in the tree, every row that carries its path follows.

A row that was on its way while the unit moved (a request that had read the old path, an event with the old ``orgpath``) may
still land under the old path. So each service remembers the move for a day and looks again every few seconds; a path that
holds nothing costs one probe of an index. Decision note 0005 tells what else was weighed.
"""

from __future__ import annotations

import uuid

from sqlalchemy import text

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
    """Rewrites ``former`` at the beginning of every org_path to ``current``; how many rows followed.

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
