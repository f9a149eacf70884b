"""What the machine's own command line does for people: whoever has the machine can always let one in (G-02)."""

from __future__ import annotations

from chassis.db.engine import make_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import Journal
from chassis.domain.errors import Forbidden, NotFound
from chassis.domain.principal import HEADQUARTERS, Principal
from gateway import audit
from gateway.identity import administrators, announce, passwords, signin
from gateway.identity.credential import Credential
from gateway.identity.org_unit import OrgUnit
from gateway.identity.role import ADMIN
from gateway.identity.user import User, fold

_CALLER = Principal(username="cli", scope="/", patterns=frozenset({"*"}))


def unlock(url: str, username: str) -> bool:
    """``./aftersales unlock USER``. False when nobody has that name."""
    engine = make_engine(url, size=1, application="gateway.unlock")
    try:
        with UnitOfWork(engine, _CALLER) as uow:
            user = uow.one(User, username_key=fold(username), lock=True)
            if user is None:
                return False
            uow.get(Credential, user.id).unlock()
            user.journal(Journal("unlock", uow.actor))
            audit.note(uow, "unlock", {"username": user.username})
            return True
    finally:
        engine.dispose()


def let_in(url: str, username: str) -> str:
    """``./aftersales let-in USER``: whatever keeps one of the staff from signing in and giving rights at headquarters is undone: lock,
    deletion, place, roles, a password that nobody knows. Device checks do not hold for who he is then (``devices.known``). The new
    password, told once. Nobody of that name: NotFound; an account of outsiders: Forbidden, for it would see the whole company."""
    engine = make_engine(url, size=1, application="gateway.let_in")
    try:
        with UnitOfWork(engine, _CALLER) as uow:
            administrators.one_at_a_time(uow)
            user = uow.one(User, username_key=fold(username), lock=True)
            if user is None:
                raise NotFound(f"there is no user {username!r}")
            if user.party_id is not None:
                raise Forbidden(f"{username!r} is an account of outsiders: name one of the staff")
            made = passwords.random()
            _give_back(uow, user, made)
            audit.note(uow, "let-in", {"username": user.username})
            return made
    finally:
        engine.dispose()


def _give_back(uow: UnitOfWork, user: User, password: str) -> None:
    credential = uow.get(Credential, user.id)
    elsewhere = user.org_path != HEADQUARTERS  # who is there keeps his department
    user.deleted_at = None
    user.change(
        uow.actor,
        name=None,
        unit=uow.one(OrgUnit, org_path=HEADQUARTERS) if elsewhere else None,
        roles=sorted({*user.roles, ADMIN}),
        active=True,
    )
    user.journal(Journal("let_in", uow.actor))
    credential.org_path = user.org_path
    credential.set_password(passwords.hashed(password), must_change=True)
    credential.unlock()
    signin.end_sessions(uow, user.id, "let_in")
    credential.void_tokens(uow.now)
    announce.epoch_raised(uow, credential.id, credential.epoch)
