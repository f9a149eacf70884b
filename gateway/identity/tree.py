"""Looking around in the organisation tree (G-11)."""

from __future__ import annotations

import uuid

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import UnknownReference
from gateway.identity.org_unit import OrgUnit
from gateway.identity.user import User

_QUEUE = text("SELECT pg_advisory_xact_lock(hashtextextended('gateway.organisation', 0))")


def one_at_a_time(uow: UnitOfWork) -> None:
    """Changes of the tree queue: two departments that move below each other would otherwise both find their way free."""
    uow.execute(_QUEUE)


def place(uow: UnitOfWork, code: str, field: str) -> OrgUnit:
    """The unit that something is to be put below, locked so that it is not deleted meanwhile. Unknown, deleted or out of
    scope: UnknownReference."""
    unit = uow.one(OrgUnit, OrgUnit.code_key == code, OrgUnit.deleted_at.is_(None), lock=True)
    if unit is None:
        raise UnknownReference(field)
    return unit


def chain(uow: UnitOfWork, unit: OrgUnit) -> list[OrgUnit]:
    """The unit and what it stands in, up to and with its office."""
    found = [unit]
    while not found[-1].office and found[-1].parent_id is not None:
        found.append(uow.read(OrgUnit, found[-1].parent_id))
    return found


def office_of(uow: UnitOfWork, unit: OrgUnit) -> OrgUnit:
    """HQ, branch or site: its path is the scope of the unit's people."""
    return chain(uow, unit)[-1]


def roles_of(uow: UnitOfWork, user: User) -> list[str]:
    """The user's own roles and those given to his unit, or to the department or office it stands in (G-09). What a unit's
    staff may do is not for the people of a party it looks after."""
    if user.party_id is not None:
        return sorted(user.roles)
    unit = uow.one(OrgUnit, id=user.org_unit_id)
    given = {code for each in chain(uow, unit) for code in each.roles} if unit else set()
    return sorted({*user.roles, *given})


def person(uow: UnitOfWork, user_id: str | None, field: str) -> uuid.UUID | None:
    """One of the staff in the caller's scope who can sign in."""
    if user_id is None:
        return None
    staff = User.active.is_(True), User.deleted_at.is_(None), User.party_id.is_(None)
    user = uow.one(User, User.id == uuid.UUID(user_id), *staff)
    if user is None:
        raise UnknownReference(field)
    return user.id
