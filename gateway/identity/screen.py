"""Screen lock (锁屏, G-03): tokens of a locked session are good for its unlocking alone, in whatever program they are.

A session is refreshed while it is locked, or nobody could unlock it after half an hour; the new tokens are as locked as the old."""

from __future__ import annotations

import uuid

from sqlalchemy import Engine, or_

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Unauthenticated
from chassis.domain.principal import Principal
from gateway.identity import announce
from gateway.identity.credential import Credential
from gateway.identity.session import Session
from gateway.identity.signin import refused_own


def lock(engine: Engine, principal: Principal) -> None:
    """The session, and those of the same screen: the own one of who acts for a unit, and the other way round (G-21)."""
    with _scope(engine) as uow:
        for session in _of_one_screen(uow, principal):
            session.locked_at = session.locked_at or uow.now
            announce.session_locked(uow, session.id)


def unlock(engine: Engine, principal: Principal, password: str) -> None:
    """The own password unlocks. Raises WrongPassword, AccountLocked."""
    if refused := refused_own(engine, principal, password):
        raise refused
    with _scope(engine) as uow:
        for session in _of_one_screen(uow, principal):
            if session.locked_at is not None:
                session.locked_at = None
                announce.session_unlocked(uow, session.id)


def _scope(engine: Engine) -> UnitOfWork:
    return UnitOfWork(engine, Principal.system("gateway.screen_lock"))


def _of_one_screen(uow: UnitOfWork, principal: Principal) -> list[Session]:
    """Held by the credential as a refresh holds it, so that all processes hear of both in the order of their commits."""
    user, id = uuid.UUID(principal.user_id), uuid.UUID(principal.session)
    uow.get(Credential, user)
    this = uow.one(Session, id=id, lock=True)
    if this is None or not this.alive(uow.now):
        raise Unauthenticated()
    own = this.own_session_id or this.id
    return uow.find(Session, Session.user_id == user, or_(Session.id == own, Session.own_session_id == own), Session.ended_at.is_(None), lock=True)
