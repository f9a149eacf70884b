"""Making and changing org units (G-11); moves stand in ``moving.py``."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select, text

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound, UnknownReference, ValidationFailed
from gateway import partners
from gateway.identity import announce, devices, granting, tree, voiding
from gateway.identity.errors import HasChildren
from gateway.identity.org_unit import Kind, OrgUnit
from gateway.identity.role import ADMIN
from gateway.identity.session import Session
from gateway.identity.user import User

SHOWN = 20
"""How many of what stands in the way are named."""
_PEOPLE = text(
    "SELECT u.id FROM users u JOIN org_units d ON d.id = u.org_unit_id WHERE u.org_path = :office AND starts_with(d.org_path, :path)"
)


def create_org_unit(uow: UnitOfWork, code: str, name: str, kind: str, parent_code: str, **staff: Any) -> OrgUnit:
    """A unit below one in the caller's scope. A taken code is Duplicate."""
    unit = OrgUnit.below(tree.place(uow, parent_code, "parent_code"), code, name, Kind(kind))
    unit.staff(uow.actor, **_staff(uow, staff))
    uow.add(unit)
    return unit


def change_org_unit(
    uow: UnitOfWork,
    org_unit_id: uuid.UUID,
    name: str | None = None,
    devices_checked: bool | None = None,
    **staff: Any,
) -> OrgUnit:
    """A new name, who leads it, its people's roles (tokens made before are void), and whether they sign in on approved
    devices only (G-22)."""
    unit = uow.get(OrgUnit, org_unit_id)
    if unit.deleted_at is not None:
        raise NotFound()
    if devices_checked and not unit.office:
        raise ValidationFailed.of("devices_checked", "not_allowed")  # devices are known to the office
    unit.rename(unit.name if name is None else name)
    granting.may_give(uow, unit.roles if "roles" in staff else [])
    if unit.staff(uow.actor, **_staff(uow, staff)):
        office = tree.office_of(uow, unit).org_path
        people = uow.rows(_PEOPLE, {"office": office, "path": unit.org_path})
        voiding.void_all(uow, [row.id for row in people])
    if devices_checked is not None and unit.check_devices(devices_checked, uow.actor):
        devices.check_from_now(uow, unit)
    return unit


def _staff(uow: UnitOfWork, given: dict[str, Any]) -> dict[str, Any]:
    """Leader and deputy are people in scope; roles are such as the caller could use himself. Being an administrator is
    given to persons only."""
    known: dict[str, Any] = {
        **{key: tree.person(uow, given[key], key) for key in ("leader_id", "deputy_id") if key in given},
        **{key: given[key] for key in ("duties", "roles") if key in given},
    }
    if "roles" in known:
        granting.may_give(uow, known["roles"])
        if ADMIN in known["roles"]:
            raise ValidationFailed.of(f"roles.{known['roles'].index(ADMIN)}", "not_allowed")
    return known


def delete_org_unit(uow: UnitOfWork, org_unit_id: uuid.UUID) -> OrgUnit:
    """R-04. Refused while there are users or units in it: HasChildren names them. Whoever acts for it is out, and so
    are its partners' systems."""
    unit = uow.get(OrgUnit, org_unit_id)  # locked: nobody is put here meanwhile
    below = uow.rows(
        select(OrgUnit.code).where(OrgUnit.parent_id == unit.id, OrgUnit.deleted_at.is_(None)).limit(SHOWN)
    )
    people = uow.rows(
        select(User.username).where(User.org_unit_id == unit.id, User.deleted_at.is_(None)).limit(SHOWN)
    )
    if below or people or unit.kind is Kind.HQ:
        raise HasChildren(units=[row.code for row in below], users=[row.username for row in people])
    unit.delete(uow.actor, uow.now)
    for session in uow.find(Session, Session.acting_unit_id == unit.id, Session.ended_at.is_(None), lock=True):
        session.end("unit_deleted", uow.now)
        announce.session_ended(uow, session.id)
    partners.void_below(uow, unit.org_path)
    return unit


def restore_org_unit(uow: UnitOfWork, org_unit_id: uuid.UUID) -> OrgUnit:
    """Where it was; what it stood in must be there."""
    unit = uow.get(OrgUnit, org_unit_id)
    parent = uow.one(OrgUnit, OrgUnit.id == unit.parent_id, OrgUnit.deleted_at.is_(None), lock=True)
    if parent is None and unit.deleted_at is not None:
        raise UnknownReference("parent_code")
    unit.restore(uow.actor)
    return unit
