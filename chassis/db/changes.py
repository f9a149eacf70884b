"""What a migration changed of people's data: in go a revision and the rows it changed, out come rows of the journal with the values before
and after, which ``./aftersales migrate`` counts and ``--changes`` lists, for people to look at. No personal data: the journal keeps it
for ever and in clear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.engine import Connection

ACTOR = "system:migrate"


@dataclass(frozen=True, slots=True)
class Change:
    """One row that a revision changed; ``fields``: its values before and after."""

    revision: str
    entity: str
    id: UUID
    action: str
    at: datetime
    fields: dict[str, tuple[Any, Any]]


def record_changes(operations: Operations, revision: str, entity: str, action: str, select: str) -> int:
    """Notes the rows that ``select`` gives as changed by this revision, after ``system_scope(op)``; returns how many::

        record_changes(op, revision, "devices", "warranty_term_mended", '''
            SELECT id, NULL AS org_path, jsonb_build_object('warranty_ends_on', jsonb_build_array(was, now)) AS data FROM …''')

    It selects ``id``, ``org_path`` (null on company-wide rows) and ``data``: ``{field: [before, after]}``."""
    noted = operations.get_bind().execute(
        sa.text(
            "INSERT INTO journal (entity, entity_id, org_path, at, action, actor, why, data)"
            f" SELECT :entity, c.id, c.org_path, now(), :action, :actor, :revision, c.data FROM ({select}) c"
        ),
        {"entity": entity, "action": action, "actor": ACTOR, "revision": revision},
    )
    return noted.rowcount


def changes(connection: Connection, revisions: list[str] | None = None) -> Iterator[Change]:
    """What migrations changed, oldest first; of these ``revisions`` only, when given. The connection is the owner's."""
    connection.execute(sa.text("SELECT set_config('app.scope', '/', true)"))
    found = connection.execution_options(yield_per=500).execute(
        sa.text(
            "SELECT why, entity, entity_id, action, at, data FROM journal WHERE actor = :actor"
            " AND (CAST(:revisions AS text[]) IS NULL OR why = ANY (:revisions)) ORDER BY id"
        ),
        {"actor": ACTOR, "revisions": revisions},
    )
    for row in found:
        fields = {name: (before, after) for name, (before, after) in row.data.items()}
        yield Change(row.why, row.entity, row.entity_id, row.action, row.at, fields)
