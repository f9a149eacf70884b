"""Sign-in, refresh, sign-out (G-01 … G-04): use cases under the sign-in's own system scope, since the caller has none yet.

A refused sign-in still saves its failure, so these functions commit first and raise afterwards.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select, text

from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from chassis.domain.errors import DomainError, Forbidden, Unauthenticated
from chassis.domain.principal import Principal
from gateway import settings, tokens
from gateway.identity import announce, devices, parties, passwords, tree
from gateway.identity.credential import Credential
from gateway.identity.errors import (
    AccountDisabled,
    AccountLocked,
    ConfirmMismatch,
    ContractEnded,
    OldWrong,
    ScreenLocked,
    WeakPassword,
    WrongPassword,
)
from gateway.identity.org_unit import OrgUnit
from gateway.identity.role import Role, union
from gateway.identity.session import Session, session_id_of
from gateway.identity.stray import StraySignIn
from gateway.identity.user import User, fold

ACT_FOR = "gateway.session.act_for"
_ALONE_STRAY = text("SELECT pg_advisory_xact_lock(hashtextextended('stray ' || :key, 0))")
_COUNT_STRAY = text(
    "INSERT INTO stray_sign_ins (username_key, failures, last_at) VALUES (:key, 1, :now)"
    " ON CONFLICT (username_key) DO UPDATE SET failures = stray_sign_ins.failures + 1, last_at = excluded.last_at"
    " RETURNING failures"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """Tokens of a session."""

    access_token: str
    refresh_token: str
    must_change: bool
    last_login_at: datetime | None


def _scope(engine: Engine) -> UnitOfWork:
    return UnitOfWork(engine, Principal.system("gateway.sign_in"))


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody at a sign-in form gives. Staff of a site may name their unit too (G-01), a device its key (G-22)."""

    username: str
    password: str
    address: str
    language: str
    org_unit_code: str | None = None
    device_key: str | None = None
    device_label: str = ""


def sign_in(engine: Engine, attempt: Attempt) -> Signed:
    """G-01, G-02, G-22. Raises WrongPassword (with the count), AccountLocked, AccountDisabled, DeviceNotAllowed."""
    with _scope(engine) as uow:
        outcome = _attempt(uow, attempt)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _attempt(uow: UnitOfWork, attempt: Attempt) -> Signed | DomainError:
    key, limit = fold(attempt.username), int(settings.value(uow, "login.max_failures"))
    user_id = uow.scalar(select(User.id).where(User.username_key == key))
    # The credential first, then the user: who changes rights or scope holds the credential until his commit, so a token
    # made here has either the new rights or the old epoch, which is void.
    credential = uow.one(Credential, id=user_id, lock=True) if user_id else None
    user = uow.one(User, id=user_id) if credential else None
    if user is None or credential is None:
        return _nobody(uow, key, attempt.password, limit)
    if credential.locked:
        return AccountLocked(limit)
    unit = uow.one(OrgUnit, org_path=user.home)  # the office, also of a department's people
    # One count for a name, whichever unit is named with it: two would tell who works where, and whether there is such a name at all.
    fits = passwords.matches(credential.password_hash, attempt.password)
    there = attempt.org_unit_code is None or (unit is not None and unit.code_key == folding.code(attempt.org_unit_code))
    if not fits or unit is None or not there:
        return _failed(uow, credential, limit)
    if not user.active:
        return AccountDisabled()
    party = parties.of_user(uow, user)
    if party is not None and party.over(uow.now):
        return ContractEnded(ended_on=party.contract_ends_on.isoformat())
    device: uuid.UUID | None = None
    if unit.devices_checked and party is None:  # devices stand in the unit: those of other companies are not its own
        known = devices.known(uow, unit, user, attempt.device_key, attempt.device_label, attempt.address)
        if isinstance(known, DomainError):
            return known
        device = known
    if passwords.outdated(credential.password_hash):
        credential.password_hash = passwords.hashed(attempt.password)
    before = credential.last_login_at
    credential.succeeded(uow.now)
    session, refresh_token = Session.start(user.id, user.org_path, attempt.language, attempt.address, uow.now)
    session.device_id = device
    uow.add(session)
    return Signed(_access(uow, user, credential, session), refresh_token, credential.must_change, before)


def _failed(uow: UnitOfWork, credential: Credential, limit: int) -> DomainError:
    credential.failed(limit, uow.now)
    return AccountLocked(limit) if credential.locked else WrongPassword(credential.failures, limit)


def _nobody(uow: UnitOfWork, key: str, password: str, limit: int) -> DomainError:
    """A name that nobody has gets the same answers, in the same time, as one that somebody has; many at once queue like at a credential."""
    uow.execute(_ALONE_STRAY, {"key": key})
    known = uow.one(StraySignIn, username_key=key)
    if known is not None and known.failures >= limit:
        return AccountLocked(limit)
    passwords.matches(None, password)
    failures = int(uow.scalar(_COUNT_STRAY, {"key": key, "now": uow.now}))
    return AccountLocked(limit) if failures >= limit else WrongPassword(failures, limit)


def refresh(engine: Engine, refresh_token: str) -> Signed:
    """New tokens for the session; the refresh token is spent. A spent, ended or foreign one: Unauthenticated."""
    with _scope(engine) as uow:
        signed = _refresh(uow, refresh_token)
    if signed is None:
        raise Unauthenticated()
    return signed


def _refresh(uow: UnitOfWork, refresh_token: str) -> Signed | None:
    session_id = session_id_of(refresh_token)
    user_id = uow.scalar(select(Session.user_id).where(Session.id == session_id)) if session_id else None
    if session_id is None or user_id is None:
        return None
    credential = uow.get(Credential, user_id)  # first, and locked: see _attempt
    session, user = uow.get(Session, session_id), uow.read(User, user_id)
    if session.acting_unit_id is not None and not _may_act(uow, user, session.acting_unit_id):
        session.end("not_allowed", uow.now)
    party = parties.of_user(uow, user)
    admitted = user.active and not (party and party.over(uow.now))
    next_token = session.refresh(refresh_token, uow.now) if admitted else None
    if next_token is None:
        if session.ended_at == uow.now:  # ended just now: a spent token came again, or he may act no more
            announce.session_ended(uow, session.id)
        return None
    if session.locked_at is not None:  # its newest tokens are locked as well
        announce.session_locked(uow, session.id)
    return Signed(_access(uow, user, credential, session), next_token, credential.must_change, credential.last_login_at)


def sign_out(engine: Engine, session_id: str) -> None:
    """G-03. The session's tokens are void at once."""
    with _scope(engine) as uow:
        session = uow.one(Session, id=_uuid(session_id), lock=True)
        if session is not None:
            session.end("logout", uow.now)
            announce.session_ended(uow, session.id)


def refused_own(engine: Engine, principal: Principal, password: str) -> DomainError | None:
    """Who is signed in says his own password again: None when it is right, else WrongPassword or AccountLocked. A wrong one counts as a
    failed sign-in whatever it is asked for, in a transaction of its own, and the last of them ends the sessions too."""
    with _scope(engine) as uow:
        credential = uow.one(Credential, id=_uuid(principal.user_id), lock=True)
        if credential is None:
            raise Unauthenticated()
        if passwords.matches(credential.password_hash, password):
            credential.failures = 0
            return None
        refused = _failed(uow, credential, int(settings.value(uow, "login.max_failures")))
        if credential.locked:
            end_sessions(uow, credential.id, "locked")
        return refused


def change_password(
    engine: Engine, principal: Principal, old_password: str, new_password: str, confirm: str
) -> Signed:
    """G-04. The user's other sessions end, this one gets new tokens. Raises OldWrong, AccountLocked, ConfirmMismatch, WeakPassword."""
    if refused := refused_own(engine, principal, old_password):
        raise refused if isinstance(refused, AccountLocked) else OldWrong()
    with _scope(engine) as uow:
        credential = uow.one(Credential, id=_uuid(principal.user_id), lock=True)
        session = uow.one(Session, id=_uuid(principal.session), lock=True)
        if session is None or credential is None or not session.alive(uow.now):
            raise Unauthenticated()
        user = uow.read(User, credential.id)
        if new_password != confirm:
            raise ConfirmMismatch()
        check_strength(uow, new_password)
        if new_password == old_password:
            raise WeakPassword("the new password is the old one")
        credential.set_password(passwords.hashed(new_password), must_change=False)
        end_sessions(uow, user.id, "password", keep=session.id)
        return Signed(_access(uow, user, credential, session), session.renew(uow.now), False, credential.last_login_at)


def end_sessions(uow: UnitOfWork, user_id: uuid.UUID, why: str, keep: uuid.UUID | None = None) -> None:
    """Ends the user's open sessions but ``keep``; their tokens are void at once."""
    for session in uow.find(Session, Session.user_id == user_id, Session.ended_at.is_(None), lock=True):
        if session.id != keep:
            session.end(why, uow.now)
            announce.session_ended(uow, session.id)


def check_strength(uow: UnitOfWork, password: str) -> None:
    """The policy of the parameter ``password.min_length``; WeakPassword otherwise."""
    if len(password) < int(settings.value(uow, "password.min_length")):
        raise WeakPassword()


def forget_strays(uow: UnitOfWork, before: datetime) -> None:
    """Failed names that nobody has are kept a day only."""
    uow.execute(delete(StraySignIn).where(StraySignIn.last_at < before))


def act_for(engine: Engine, principal: Principal, unit_id: uuid.UUID, address: str) -> Signed:
    """G-21: a session of its own in another unit's scope. Whoever acts so signs as ``admin/SH01`` everywhere."""
    with _scope(engine) as uow:
        credential = uow.one(Credential, id=_uuid(principal.user_id), lock=True)
        own = uow.one(Session, id=_uuid(principal.session), lock=True)
        if own is None or credential is None or not own.alive(uow.now) or own.acting_unit_id is not None:
            raise Forbidden("acting for a unit begins in an own session")
        if own.locked_at is not None:  # asked before the lock, and done after it: the new session would be an open one on a locked screen
            raise ScreenLocked()
        user = uow.read(User, credential.id)
        session, refresh_token = Session.start(user.id, user.org_path, principal.language, address, uow.now)
        session.acting_unit_id, session.own_session_id, session.device_id = unit_id, own.id, own.device_id
        uow.add(session)
        return Signed(_access(uow, user, credential, session), refresh_token, False, credential.last_login_at)


def _may_act(uow: UnitOfWork, user: User, unit_id: uuid.UUID) -> bool:
    """Whether he could begin to act for the unit now: his place and his rights may have changed since he did."""
    rights = frozenset(union(uow.find(Role, Role.code.in_(tree.roles_of(uow, user)))))
    unit = uow.read(OrgUnit, unit_id)
    stands = Principal(username=user.username, scope=user.org_path, patterns=rights)
    return unit.deleted_at is None and unit.org_path.startswith(user.org_path) and stands.may(ACT_FOR)


def _access(uow: UnitOfWork, user: User, credential: Credential, session: Session) -> str:
    username, org_path = user.username, user.org_path
    if session.acting_unit_id is not None:
        unit = uow.read(OrgUnit, session.acting_unit_id)
        username, org_path = f"{username}/{unit.code}", unit.org_path
    roles = tree.roles_of(uow, user)
    claims: dict[str, Any] = {
        "sub": str(user.id),
        "username": username,
        "name": user.name,
        "org_path": org_path,
        "roles": roles,
        "perms": [],
        "epoch": credential.epoch,
        "sid": session.id.hex,
        "lang": session.language,
    }
    if credential.must_change:
        claims["must_change"] = True  # and no right at all until it is done
    else:
        claims["perms"] = union(uow.find(Role, Role.code.in_(roles)))
    party = parties.of_user(uow, user)
    if party is None:
        return tokens.signer().sign(claims, uow.now)
    until = int(party.ends_at.timestamp())
    claims["party"] = {"id": str(party.reference), "kind": party.kind.value, "scope": party.scope(user.home), "until": until}
    claims["perms"] = sorted(parties.rights().intersection(claims["perms"]))
    left = int((party.ends_at - uow.now).total_seconds())
    return tokens.signer().sign(claims, uow.now, min(tokens.ACCESS_SECONDS, left))


def _uuid(value: str) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except ValueError:
        raise Unauthenticated() from None
