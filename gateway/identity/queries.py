"""Lists of users, roles and units; what the caller may see is decided by the database."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import or_, select

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from chassis.http.paging import ListQuery
from gateway.identity import views
from gateway.identity.credential import Credential
from gateway.identity.device import SignInDevice
from gateway.identity.org_unit import OrgUnit
from gateway.identity.party import Party
from gateway.identity.role import Role
from gateway.identity.user import User, fold


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
    statement = select(Party).where(*(getattr(Party, name) == value for name, value in query.filters.items()))
    sorts = {"created_at": Party.created_at, "contract_ends_on": Party.contract_ends_on}
    return uow.page(statement, query, sorts=sorts, default_sort="-created_at", key=Party.id, view=lambda one: views.party(one, uow.now))


def users(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement, filters = select(User), query.filters
    if "username" in filters:
        statement = statement.where(User.username_key == fold(filters["username"]))
    deleted = User.deleted_at.is_not(None) if filters.get("deleted") else User.deleted_at.is_(None)
    statement = statement.where(deleted)
    if "active" in filters:
        statement = statement.where(User.active.is_(filters["active"]))
    if "party_id" in filters:
        statement = statement.where(User.party_id == filters["party_id"])
    if query.q:
        named = User.username_key.contains(fold(query.q), autoescape=True)
        statement = statement.where(or_(named, User.name.contains(query.q, autoescape=True)))
    sorts = {"username": User.username_key, "name": User.name, "created_at": User.created_at}
    found: list[User] = []

    def keep(user: User) -> dict[str, Any]:
        found.append(user)
        return {}

    page = uow.page(statement, query, sorts=sorts, default_sort="username", key=User.id, view=keep)
    ids = [user.id for user in found]
    credentials = {one.id: one for one in uow.find(Credential, id=ids)} if ids else {}
    return {**page, "items": [views.user((user, credentials[user.id]), uow.principal) for user in found]}


def org_units(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement = select(OrgUnit)
    if "code" in query.filters:
        statement = statement.where(OrgUnit.code == query.filters["code"])
    deleted = OrgUnit.deleted_at.is_not(None) if query.filters.get("deleted") else OrgUnit.deleted_at.is_(None)
    statement = statement.where(deleted)
    if query.q:
        statement = statement.where(or_(OrgUnit.code.contains(query.q, autoescape=True), OrgUnit.name.contains(query.q, autoescape=True)))
    if "kind" in query.filters:
        statement = statement.where(OrgUnit.kind == query.filters["kind"])
    sorts = {"path": OrgUnit.org_path, "code": OrgUnit.code, "name": OrgUnit.name}
    return uow.page(statement, query, sorts=sorts, default_sort="path", key=OrgUnit.id, view=lambda unit: views.org_unit(unit, uow.principal))


def devices(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement = select(SignInDevice)
    if "state" in query.filters:
        statement = statement.where(SignInDevice.state == query.filters["state"])
    sorts = {"created_at": SignInDevice.created_at, "label": SignInDevice.label}
    return uow.page(statement, query, sorts=sorts, default_sort="-created_at", key=SignInDevice.id, view=lambda one: views.device(one, uow.principal))


def roles(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    sorts = {"code": Role.code}
    return uow.page(select(Role), query, sorts=sorts, default_sort="code", key=Role.id, view=views.role)

