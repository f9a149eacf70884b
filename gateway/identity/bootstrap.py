"""What must be there before the first request: headquarters, the roles and parameters that ship, the first administrator."""

from __future__ import annotations

from collections.abc import Callable

from chassis.db.engine import make_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from gateway import settings
from gateway.identity import passwords
from gateway.identity.credential import Credential
from gateway.identity.org_unit import OrgUnit
from gateway.identity.role import ADMIN, Role
from gateway.identity.shipped import shipped
from gateway.identity.user import User, fold


def ensure(url: str, admin_password: str, check: Callable[[str], None] | None = None) -> bool:
    """Makes what is missing; harmless when nothing is. True when ``admin`` was made, with this password (which ``check``
    may refuse by raising; it is not looked at once admin exists). ``url`` is the application role's."""
    engine = make_engine(url, size=1, application="gateway.bootstrap")
    try:
        with UnitOfWork(engine, Principal.system("bootstrap")) as uow:
            unit = _headquarters(uow)
            _ship_roles(uow)
            settings.ship(uow)
            return _administrator(uow, unit, admin_password, check)
    finally:
        engine.dispose()


def _headquarters(uow: UnitOfWork) -> OrgUnit:
    unit = uow.one(OrgUnit, code="HQ")
    if unit is None:
        unit = OrgUnit.headquarters("总部")
        uow.add(unit)
    return unit


def _ship_roles(uow: UnitOfWork) -> None:
    """Roles nobody changed here take what the release brings."""
    known = {role.code: role for role in uow.find(Role, lock=True)}
    for new in shipped():
        role = known.get(new.code)
        if role is None:
            uow.add(
                Role(
                    code=new.code,
                    name_zh=new.name_zh,
                    name_en=new.name_en,
                    permissions=list(new.permissions),
                    shipped=True,
                )
            )
        elif role.shipped:
            role.name_zh, role.name_en, role.permissions = new.name_zh, new.name_en, list(new.permissions)


def _administrator(uow: UnitOfWork, unit: OrgUnit, password: str, check: Callable[[str], None] | None) -> bool:
    if uow.one(User, username_key=fold(ADMIN)) is not None:
        return False
    if check is not None:
        check(password)
    user = User.create(ADMIN, "管理员", unit, [ADMIN])
    uow.add(user)
    uow.add(Credential.create(user.id, user.org_path, passwords.hashed(password), must_change=False, now=uow.now))
    return True
