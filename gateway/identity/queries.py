"""Lists of users, roles and units; what the caller may see is decided by the database."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from chassis.db.folded import contains
from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from gateway.identity import views
from gateway.identity.credential import Credential
from gateway.identity.device import SignInDevice
from gateway.identity.org_unit import OrgUnit
from gateway.identity.party import Party
from gateway.identity.role import Role
from gateway.identity.user import User

_PARTIES = Listing(
    select(Party), default_sort="-created_at", key=Party.id,
    equal=members(Party, "kind", "customer_id"),
)  # fmt: skip
_SIGNED: dict[str, Any] = {
    name: select(column).where(Credential.id == User.id).scalar_subquery()
    for name, column in {
        "locked": Credential.locked_at.is_not(None), "last_login_at": Credential.last_login_at,
        "must_change_password": Credential.must_change,
    }.items()
}  # fmt: skip
_USERS = Listing(
    select(User), sorts={"username": User.username_key, "deleted": User.deleted_at.is_not(None), **_SIGNED}, default_sort="username",
    key=User.id, equal={**members(User, "active", "party_id"), "deleted": User.deleted_at.is_not(None)},
)  # fmt: skip
_ORG_UNITS = Listing(
    select(OrgUnit), sorts={"path": OrgUnit.org_path, "deleted": OrgUnit.deleted_at.is_not(None), **beginnings(OrgUnit, "duties")}, default_sort="path",
    key=OrgUnit.id, equal={**members(OrgUnit, "kind"), "code": OrgUnit.code_key, "deleted": OrgUnit.deleted_at.is_not(None)},
)  # fmt: skip
_DEVICES = Listing(
    select(SignInDevice), default_sort="-created_at", key=SignInDevice.id,
    equal=members(SignInDevice, "state"),
)  # fmt: skip
_ROLES = Listing(select(Role), default_sort="code", key=Role.id)


def find_user(uow: UnitOfWork, user_id: uuid.UUID) -> tuple[User, Credential]:
    return uow.read(User, user_id), uow.read(Credential, user_id)


def find_own(uow: UnitOfWork) -> tuple[User, Credential] | None:
    """The caller's own user; None behind the command line's token. An outside account sees none of these tables, so its own
    rows are read for it."""
    if uow.principal.is_outside:
        with UnitOfWork(uow.engine, Principal.system("gateway.me"), read_only=True) as inside:
            return _own(inside, uow.principal.user_id)
    return _own(uow, uow.principal.user_id)


def _own(uow: UnitOfWork, user_id: str) -> tuple[User, Credential] | None:
    try:
        user = uow.one(User, id=uuid.UUID(user_id))
    except ValueError:
        return None
    credential = uow.one(Credential, id=user.id) if user else None
    return (user, credential) if user and credential else None


def parties(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """By kind and customer. Names are sealed, so they are neither sorted nor searched."""
    return _PARTIES.page(uow, query, lambda one: views.party(one, uow.now))


def users(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    where = contains(User.search_key, query.q)
    if "username" in query.filters:
        where.append(User.username_key == query.filters["username"])
    found: list[User] = []

    def view(user: User) -> dict[str, Any]:
        found.append(user)
        return {}

    page = _USERS.page(uow, _living(query), view, *where)
    ids = [user.id for user in found]
    credentials = {one.id: one for one in uow.find(Credential, id=ids)} if ids else {}
    return {**page, "items": [views.user((user, credentials[user.id]), uow.principal) for user in found]}


def org_units(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    where = contains(OrgUnit.search_key, query.q)
    return _ORG_UNITS.page(uow, _living(query), lambda unit: views.org_unit(unit, uow.principal), *where)


def devices(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _DEVICES.page(uow, query, lambda one: views.device(one, uow.principal))


def roles(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _ROLES.page(uow, query, views.role)


def _living(query: ListQuery) -> ListQuery:
    """What is deleted is shown to those only who ask for it."""
    return replace(query, filters={"deleted": False, **query.filters})
