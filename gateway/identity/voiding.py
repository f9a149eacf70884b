"""Makes access tokens void: they carry rights and scope, so whoever's rights or scope change needs new ones, at once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from gateway.identity import announce

# In the order of ids, so that two who void the same crowd wait for each other instead of dying together.
_RAISE = text(
    "WITH held AS (SELECT id FROM credentials WHERE id = ANY (:users) ORDER BY id FOR UPDATE)"
    " UPDATE credentials c SET epoch = epoch + 1, epoch_at = :now FROM held WHERE c.id = held.id RETURNING c.id, c.epoch"
)
# Also whoever has it by his unit, and some who only stand below such a unit: they refresh and keep what they had.
_HOLDERS = text(
    "SELECT id FROM users WHERE roles @> to_jsonb(cast(:role AS text)) UNION"
    " SELECT u.id FROM users u JOIN org_units g ON g.roles @> to_jsonb(cast(:role AS text)) AND starts_with(u.org_path, g.org_path)"
    " UNION SELECT u.id FROM users u JOIN org_units d ON d.id = u.org_unit_id"
    " JOIN org_units g ON g.roles @> to_jsonb(cast(:role AS text)) AND starts_with(d.org_path, g.org_path)"
)


def void_all(uow: UnitOfWork, users: Sequence[uuid.UUID]) -> None:
    """Tokens of all these users; their sessions live on and refresh into the new rights."""
    if users:
        uow.flush()
        raised = uow.rows(_RAISE, {"users": list(users), "now": uow.now})
        announce.epochs_raised(uow, [(row.id, row.epoch) for row in raised])


def void_holders(uow: UnitOfWork, role: str) -> None:
    """Tokens of everybody who has the role."""
    void_all(uow, [row.id for row in uow.rows(_HOLDERS, {"role": role})])
