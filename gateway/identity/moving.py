"""A unit moves in the tree (G-11): what its people see changes with the next call, its documents follow by event."""

from __future__ import annotations

import uuid

from sqlalchemy import select, text

from chassis.db import scopes
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from gateway import partners
from gateway.identity import granting, tree, voiding
from gateway.identity.org_unit import OrgUnit
from gateway.identity.user import User

_REHANG = (
    text("UPDATE credentials SET org_path = :path WHERE id = ANY (:users)"),
    text("UPDATE sessions SET org_path = :path WHERE user_id = ANY (:users)"),
)


def move_org_unit(uow: UnitOfWork, org_unit_id: uuid.UUID, parent_code: str) -> OrgUnit:
    """Below another unit; both places must be in the caller's scope, and the unit must not be the one that he stands in. A
    parent of the wrong kind, or below the unit itself, is a ValidationFailed."""
    tree.one_at_a_time(uow)
    unit = uow.get(OrgUnit, org_unit_id)
    if unit.deleted_at is not None:
        raise NotFound()
    parent = tree.place(uow, parent_code, "parent_code")
    if unit.org_path == uow.principal.scope:
        raise NotFound()  # nobody moves the ground he stands on: he could not see where it went
    if not unit.office:  # its people get the roles of what it will stand in
        granting.within(uow, sorted({role for each in tree.chain(uow, parent) for role in each.roles}))
    former = unit.move(parent)
    if former is None:
        return unit
    if unit.office:
        users = uow.find(User, User.org_path.startswith(former, autoescape=True), lock=True)
        for user in users:
            user.follow(uow.actor, former, unit.org_path)
    else:
        users = _people(uow, former)
        office = tree.office_of(uow, parent)
        for user in users:
            if user.org_path != office.org_path:
                user.relocate(uow.actor, office.org_path)
        uow.flush()
        for statement in _REHANG:
            uow.execute(statement, {"path": office.org_path, "users": [user.id for user in users]})
    voiding.void_all(uow, [user.id for user in users])
    partners.void_below(uow, former)
    scopes.follow(uow, unit.id, unit.version, former, unit.org_path)
    return unit


def _people(uow: UnitOfWork, path: str) -> list[User]:
    """Who works in the department or team at ``path`` or below it: their own paths are their office's."""
    units = select(OrgUnit.id).where(OrgUnit.org_path.startswith(path, autoescape=True))
    return uow.find(User, User.org_unit_id.in_(units), lock=True)
