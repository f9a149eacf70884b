"""Users (G-05, G-06, G-08), and acting for a unit (G-21)."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import Journal
from chassis.domain.errors import Forbidden, NotFound, UnknownReference
from gateway import settings
from gateway.identity import administrators, announce, granting, parties, passwords, signin, tree
from gateway.identity.credential import Credential
from gateway.identity.errors import AccountLocked
from gateway.identity.org_unit import OrgUnit
from gateway.identity.user import User

RANDOM = "random"



def create_user(
    uow: UnitOfWork,
    username: str,
    name: str,
    org_unit_code: str,
    roles: list[str],
    password: str | None = None,
    must_change_password: bool | None = None,
    party_id: str | None = None,
) -> tuple[User, Credential, str | None]:
    """The user, its credential, and the password when the system made it. A taken username is Duplicate, roles the caller
    could not use himself are Forbidden. ``party_id`` makes it an outside account (G-10)."""
    unit = tree.place(uow, org_unit_code, "org_unit_code")
    granting.may_give(uow, roles)
    party = parties.of_account(uow, party_id, unit, roles) if party_id else None
    made = None if password is not None else _initial(uow)
    if password is not None:
        signin.check_strength(uow, password)
    must_change = made is not None or bool(must_change_password)
    user = User.create(username, name, unit, roles, tree.office_of(uow, unit), party.id if party else None)
    _manageable(uow, user)  # with the roles that the unit gives its people
    uow.add(user)
    digest = passwords.hashed(made or password or "")
    credential = Credential.create(user.id, user.org_path, digest, must_change, uow.now)
    uow.add(credential)
    return user, credential, made


def change_user(
    uow: UnitOfWork,
    user_id: uuid.UUID,
    name: str | None = None,
    org_unit_code: str | None = None,
    roles: list[str] | None = None,
    active: bool | None = None,
) -> tuple[User, Credential]:
    """Tokens made under other rights are void at once; disabling ends the sessions as well. The last administrator stays
    one: LastAdministrator. A deleted one is restored first: NotFound."""
    administrators.one_at_a_time(uow)
    user = uow.get(User, user_id)
    _there(user)
    _manageable(uow, user)
    if active is False or roles is not None:
        _another(uow, user)
    unit = None if org_unit_code is None else tree.place(uow, org_unit_code, "org_unit_code")
    office = None if unit is None else tree.office_of(uow, unit)
    if roles is not None:
        granting.may_give(uow, roles)
    if user.party_id is not None:
        parties.of_account(uow, str(user.party_id), unit or uow.read(OrgUnit, user.org_unit_id), user.roles if roles is None else roles)
    credential, were = uow.get(Credential, user_id), administrators.among([user])
    changed = user.change(uow.actor, name, unit, roles, active, office)
    _manageable(uow, user)  # also where he stands now
    administrators.require_one_left(uow, were)
    if changed:
        if credential.org_path != user.org_path:
            credential.org_path = user.org_path
            uow.execute(_MOVE_SESSIONS, {"path": user.org_path, "user": user.id})
        _void(uow, credential)
        if not user.active:
            signin.end_sessions(uow, user.id, "disabled")
    return user, credential


_MOVE_SESSIONS = text("UPDATE sessions SET org_path = :path WHERE user_id = :user")


def unlock_user(uow: UnitOfWork, user_id: uuid.UUID) -> tuple[User, Credential]:
    """G-02: lifts the lock, the count begins anew. Not of one who may more than the caller."""
    user, credential = uow.get(User, user_id), uow.get(Credential, user_id)
    _manageable(uow, user)
    credential.unlock()
    user.journal(Journal("unlock", uow.actor))
    return user, credential


def delete_user(uow: UnitOfWork, user_id: uuid.UUID) -> tuple[User, Credential]:
    """R-04: hidden, disabled, out at once. Nobody deletes himself, nor the last administrator."""
    administrators.one_at_a_time(uow)
    user = uow.get(User, user_id)
    _manageable(uow, user)
    _another(uow, user)
    credential, were = uow.get(Credential, user_id), administrators.among([user])
    user.delete(uow.actor, uow.now)
    administrators.require_one_left(uow, were)
    _void(uow, credential)
    signin.end_sessions(uow, user.id, "deleted")
    return user, credential


def restore_user(uow: UnitOfWork, user_id: uuid.UUID) -> tuple[User, Credential]:
    administrators.one_at_a_time(uow)
    user = uow.get(User, user_id)
    _manageable(uow, user)
    place = uow.one(OrgUnit, OrgUnit.id == user.org_unit_id, OrgUnit.deleted_at.is_(None), lock=True)
    if place is None:
        raise UnknownReference("org_unit_code")  # his unit was deleted meanwhile: restore that first
    if (party := parties.of_user(uow, user)) is not None:
        party.require_not_erased()
    user.restore(uow.actor)
    return user, uow.get(Credential, user_id)


def force_off(uow: UnitOfWork, user_id: uuid.UUID) -> tuple[User, Credential]:
    """G-20: ends all sessions of the user."""
    user = uow.get(User, user_id)
    _manageable(uow, user)
    signin.end_sessions(uow, user.id, "forced_off")
    user.journal(Journal("force_off", uow.actor))
    return user, uow.get(Credential, user_id)


def act_for(uow: UnitOfWork, org_unit_code: str, reason: str, address: str) -> signin.Signed:
    """G-21: works in a unit of the caller's scope; who, where and why stand in his journal and in the audit log."""
    unit = tree.place(uow, org_unit_code, "org_unit_code")
    if not unit.office:
        raise UnknownReference("org_unit_code")  # a department has no scope of its own
    signed = signin.act_for(uow.engine, uow.principal, unit.id, address)
    user = uow.get(User, _uuid(uow.principal.user_id) or uuid.UUID(int=0))
    user.journal(Journal("act_for", uow.actor, why=reason, data={"org_unit": unit.code}))
    return signed


def reset_password(uow: UnitOfWork, user_id: uuid.UUID, admin_password: str) -> tuple[User, Credential, str]:
    """G-06: a new first password, told once; ends the sessions and lifts a lock. Wrong own password: Forbidden, and it counts like
    one at sign-in, so that the last of them is AccountLocked."""
    if refused := signin.refused_own(uow.engine, uow.principal, admin_password):
        raise refused if isinstance(refused, AccountLocked) else Forbidden("the own password is wrong")
    user, credential = uow.get(User, user_id), uow.get(Credential, user_id)
    _there(user)
    _manageable(uow, user)
    made = _initial(uow)
    credential.set_password(passwords.hashed(made), must_change=True)
    credential.unlock()
    user.journal(Journal("reset_password", uow.actor))
    signin.end_sessions(uow, user.id, "password_reset")
    _void(uow, credential)
    return user, credential, made


def _initial(uow: UnitOfWork) -> str:
    initial = str(settings.value(uow, "password.initial"))
    return passwords.random() if initial == RANDOM else initial


def _void(uow: UnitOfWork, credential: Credential) -> None:
    credential.void_tokens(uow.now)
    announce.epoch_raised(uow, credential.id, credential.epoch)


def _manageable(uow: UnitOfWork, user: User) -> None:
    """Nobody takes over a user who may more than he, nor one who sees more."""
    if party := parties.of_user(uow, user):
        parties.within_sight(uow, party.kind)
    granting.within(uow, tree.roles_of(uow, user))


def _there(user: User) -> None:
    """Lists hide a deleted one: nothing else makes him sign in but to restore him."""
    if user.deleted_at is not None:
        raise NotFound()


def _another(uow: UnitOfWork, user: User) -> None:
    """Nobody locks himself out, or takes his own rights: that way no administrator would be left."""
    if str(user.id) == uow.principal.user_id:
        raise Forbidden("not to oneself")


def _uuid(value: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None
