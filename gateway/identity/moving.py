"""A unit moves in the tree (G-11): what its people see changes with the next call, its documents follow by event."""

from __future__ import annotations

import uuid

from sqlalchemy import select, text

from chassis.db import scopes
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden, NotFound
from gateway import partners
from gateway.identity import administrators, granting, parties, tree, voiding
from gateway.identity.org_unit import OrgUnit
from gateway.identity.user import User

SHOWN = 20
"""How many of those who may more are named."""
_REHANG = (
    text("UPDATE credentials SET org_path = :path WHERE id = ANY (:users)"),
    text("UPDATE sessions SET org_path = :path WHERE user_id = ANY (:users)"),
)


def move_org_unit(uow: UnitOfWork, org_unit_id: uuid.UUID, parent_code: str) -> OrgUnit:
    """Below another unit; both places must be in the caller's scope, and the unit must not be the one that he stands in. A
    parent of the wrong kind, or below the unit itself, is a ValidationFailed; people over whom the caller has no rights, where they are
    or where they come, Forbidden; without an administrator of headquarters left: LastAdministrator."""
    tree.one_at_a_time(uow)
    administrators.one_at_a_time(uow)  # whoever changes a person waits here, so that what is looked at holds until commit
    unit = uow.get(OrgUnit, org_unit_id)
    if unit.deleted_at is not None:
        raise NotFound()
    parent = tree.place(uow, parent_code, "parent_code")
    if unit.org_path == uow.principal.scope:
        raise NotFound()  # nobody moves the ground he stands on: he could not see where it went
    below = uow.find(OrgUnit, OrgUnit.org_path.startswith(unit.org_path, autoescape=True), order_by=[OrgUnit.id], lock=True)
    users = _people(uow, unit)
    _over_all(uow, unit, parent, below, users)
    former = unit.move(parent)
    if former is None:
        return unit
    if unit.office:
        for user in users:
            user.follow(uow.actor, former, unit.org_path)
    else:
        were, office = administrators.among(users), tree.office_of(uow, parent)
        for user in users:
            if user.org_path != office.org_path:
                user.relocate(uow.actor, office.org_path)
        administrators.require_one_left(uow, were)
        uow.flush()
        for statement in _REHANG:
            uow.execute(statement, {"path": office.org_path, "users": [user.id for user in users]})
    voiding.void_all(uow, [user.id for user in users])
    partners.void_below(uow, former)
    scopes.follow(uow, unit.id, unit.version, former, unit.org_path)
    return unit


def _people(uow: UnitOfWork, unit: OrgUnit) -> list[User]:
    """Who works in the unit or below it. The paths of a department's or team's people are their office's."""
    if unit.office:
        return uow.find(User, User.org_path.startswith(unit.org_path, autoescape=True), lock=True)
    units = select(OrgUnit.id).where(OrgUnit.org_path.startswith(unit.org_path, autoescape=True))
    return uow.find(User, User.org_unit_id.in_(units), lock=True)


def _over_all(uow: UnitOfWork, unit: OrgUnit, parent: OrgUnit, below: list[OrgUnit], users: list[User]) -> None:
    """The rule of changing a person (usecases.py), for all at once: what they may, by themselves or by where they work, before and after,
    is among what the caller may. A deleted one is held against it by who restores him."""
    there = [user for user in users if user.deleted_at is None]
    parties.all_within_sight(uow, [user.party_id for user in there if user.party_id is not None])
    around: list[OrgUnit] = []
    if not unit.office:  # an office's people have nothing from above it
        former = uow.read(OrgUnit, unit.parent_id) if unit.parent_id else parent
        around = [*tree.chain(uow, former), *tree.chain(uow, parent)]
    given = [each for each in (*around, *below) if each.deleted_at is None]
    codes = {code for each in given for code in each.roles} | {code for user in there for code in user.roles}
    if beyond := granting.beyond(uow, sorted(codes)):
        units = sorted({each.code for each in given if beyond.intersection(each.roles)})
        named = sorted(user.username for user in there if beyond.intersection(user.roles))
        raise Forbidden("people with more rights than the caller has", users=named[:SHOWN], units=units[:SHOWN])
