"""Identity over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import ValidationFailed
from chassis.http.resolver import Caller
from gateway.identity import (
    devices,
    granting,
    moving,
    organising,
    parties,
    presence,
    queries,
    screen,
    signin,
    usecases,
    views,
)
from gateway.identity.device import SignInDevice
from gateway.identity.org_unit import OrgUnit
from gateway.identity.party import Party
from gateway.identity.role import Role

Document = dict[str, Any]
NEEDS = {"password": ("username", "password"), "refresh_token": ("refresh_token",)}


def token(uow: UnitOfWork, body: Document, caller: Caller) -> Document:
    missing = [name for name in NEEDS[body["grant_type"]] if name not in body]
    if missing:
        raise ValidationFailed([{"field": name, "code": "missing"} for name in missing])
    if body["grant_type"] == "refresh_token":
        return views.tokens(signin.refresh(uow.engine, body["refresh_token"]))
    given = {name: value for name, value in body.items() if name not in ("grant_type", "refresh_token")}
    attempt = signin.Attempt(**given, address=caller.address, language=caller.language)
    return views.tokens(signin.sign_in(uow.engine, attempt))


def logout(uow: UnitOfWork) -> Document:
    signin.sign_out(uow.engine, uow.principal.session)
    return {"ended": True}


def change_password(uow: UnitOfWork, body: Document) -> Document:
    return views.tokens(signin.change_password(uow.engine, uow.principal, **body))


def lock_screen(uow: UnitOfWork) -> Document:
    screen.lock(uow.engine, uow.principal)
    return {"locked": True}


def unlock_screen(uow: UnitOfWork, body: Document) -> Document:
    screen.unlock(uow.engine, uow.principal, body["password"])
    return {"unlocked": True}


def act_for(uow: UnitOfWork, body: Document, caller: Caller) -> Document:
    return views.tokens(usecases.act_for(uow, body["org_unit_code"], body["reason"], caller.address))


def me(uow: UnitOfWork) -> Document:
    return views.me(uow.principal, queries.find_own(uow))


def search_roles(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.roles(uow, query)


def create_role(uow: UnitOfWork, body: Document) -> Document:
    return views.role(granting.create_role(uow, **body))


def get_role(uow: UnitOfWork, role_id: UUID) -> Document:
    return views.role(uow.read(Role, role_id))


def update_role(uow: UnitOfWork, role_id: UUID, body: Document) -> Document:
    return views.role(granting.change_role(uow, role_id, **body))


def permissions(uow: UnitOfWork) -> Document:
    return {"permissions": [views.right(permission) for permission in views.permissions()]}


def search_users(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.users(uow, query)


def create_user(uow: UnitOfWork, body: Document) -> Document:
    user, credential, password = usecases.create_user(uow, **body)
    return views.user((user, credential), uow.principal, password)


def get_user(uow: UnitOfWork, user_id: UUID) -> Document:
    return views.user(queries.find_user(uow, user_id), uow.principal)


def update_user(uow: UnitOfWork, user_id: UUID, body: Document) -> Document:
    return views.user(usecases.change_user(uow, user_id, **body), uow.principal)


def delete_user(uow: UnitOfWork, user_id: UUID) -> Document:
    return views.user(usecases.delete_user(uow, user_id), uow.principal)


def restore_user(uow: UnitOfWork, user_id: UUID) -> Document:
    return views.user(usecases.restore_user(uow, user_id), uow.principal)


def force_off(uow: UnitOfWork, user_id: UUID) -> Document:
    return views.user(usecases.force_off(uow, user_id), uow.principal)


def login_status(uow: UnitOfWork, query: ListQuery) -> Document:
    return presence.status(uow, query)


def search_devices(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.devices(uow, query)


def get_device(uow: UnitOfWork, sign_in_device_id: UUID) -> Document:
    return views.device(uow.read(SignInDevice, sign_in_device_id), uow.principal)


def approve_device(uow: UnitOfWork, sign_in_device_id: UUID) -> Document:
    return views.device(devices.approve(uow, sign_in_device_id), uow.principal)


def revoke_device(uow: UnitOfWork, sign_in_device_id: UUID) -> Document:
    return views.device(devices.revoke(uow, sign_in_device_id), uow.principal)


def unlock_user(uow: UnitOfWork, user_id: UUID) -> Document:
    return views.user(usecases.unlock_user(uow, user_id), uow.principal)


def reset_password(uow: UnitOfWork, user_id: UUID, body: Document) -> Document:
    user, credential, password = usecases.reset_password(uow, user_id, **body)
    return views.user((user, credential), uow.principal, password)


def search_org_units(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.org_units(uow, query)


def create_org_unit(uow: UnitOfWork, body: Document) -> Document:
    return views.org_unit(organising.create_org_unit(uow, **body), uow.principal)


def get_org_unit(uow: UnitOfWork, org_unit_id: UUID) -> Document:
    return views.org_unit(uow.read(OrgUnit, org_unit_id), uow.principal)


def update_org_unit(uow: UnitOfWork, org_unit_id: UUID, body: Document) -> Document:
    return views.org_unit(organising.change_org_unit(uow, org_unit_id, **body), uow.principal)


def move_org_unit(uow: UnitOfWork, org_unit_id: UUID, body: Document) -> Document:
    return views.org_unit(moving.move_org_unit(uow, org_unit_id, body["parent_code"]), uow.principal)


def delete_org_unit(uow: UnitOfWork, org_unit_id: UUID) -> Document:
    return views.org_unit(organising.delete_org_unit(uow, org_unit_id), uow.principal)


def restore_org_unit(uow: UnitOfWork, org_unit_id: UUID) -> Document:
    return views.org_unit(organising.restore_org_unit(uow, org_unit_id), uow.principal)


def search_parties(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.parties(uow, query)


def create_party(uow: UnitOfWork, body: Document) -> Document:
    return views.party(parties.create_party(uow, **body), uow.now)


def get_party(uow: UnitOfWork, party_id: UUID) -> Document:
    return views.party(uow.read(Party, party_id), uow.now)


def update_party(uow: UnitOfWork, party_id: UUID, body: Document) -> Document:
    return views.party(parties.change_party(uow, party_id, **body), uow.now)
