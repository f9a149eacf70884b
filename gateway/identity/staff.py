"""Who is to be told of what happens in a unit: those of its own people who have a right (G-09), or one of the staff by name."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from gateway.identity.org_unit import OrgUnit
from gateway.identity.role import Role
from gateway.identity.user import User

# Roles are a user's own or given to where he works: his team, the departments that it stands in, and their office.
_HOLDERS = text("""
    SELECT u.username, u.org_path FROM users u
    WHERE u.org_path = :path AND u.active AND u.deleted_at IS NULL AND u.party_id IS NULL AND (u.roles ?| cast(:codes AS text[]) OR EXISTS (
        SELECT FROM org_units own JOIN org_units g ON starts_with(own.org_path, g.org_path) AND starts_with(g.org_path, :path)
        WHERE own.id = u.org_unit_id AND g.roles ?| cast(:codes AS text[])))
    ORDER BY u.username LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class Person:
    """Login name and scope."""

    username: str
    org_path: str


def holders(uow: UnitOfWork, path: str, right: str, most: int) -> list[Person]:
    """At most ``most`` of the active staff of the office with this path, its departments and teams with it, not of offices above or
    below, who have the right; by name."""
    codes = [role.code for role in uow.find(Role) if Principal.of("", "", role.permissions).may(right)]
    found = uow.rows(_HOLDERS, {"path": path, "codes": codes, "most": most}) if codes else []
    return [Person(row.username, row.org_path) for row in found]


def one_of_the_staff(uow: UnitOfWork, username: str) -> list[Person]:
    """The active user of this name; nobody where there is none, or it is an outside account."""
    users = uow.find(User, User.username == username, User.active.is_(True), User.deleted_at.is_(None), User.party_id.is_(None))
    return [Person(user.username, user.org_path) for user in users]


def office_name(uow: UnitOfWork, path: str) -> str | None:
    """The name of the unit with this path."""
    unit = uow.one(OrgUnit, org_path=path)
    return unit.name if unit else None
