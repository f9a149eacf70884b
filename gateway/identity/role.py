"""Role (角色, G-09): a named set of rights, deny by default."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.domain.aggregate import Aggregate, Journal
from gateway.identity.errors import BuiltinRole

ADMIN = "admin"


class Role(Base, Aggregate):
    """``shipped``: nobody changed it here, so a release may."""

    __tablename__ = "roles"

    code: Mapped[str] = mapped_column(unique=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    permissions: Mapped[list[str]]
    shipped: Mapped[bool]

    @classmethod
    def create(cls, by: str, code: str, name_zh: str, name_en: str, permissions: list[str]) -> Role:
        role = cls(code=code, name_zh=name_zh, name_en=name_en, permissions=sorted(permissions), shipped=False)
        role.journal(Journal("create", by, data={"permissions": role.permissions}))
        return role

    def change(self, by: str, name_zh: str | None, name_en: str | None, permissions: list[str] | None) -> bool:
        """Takes what is given; from now on releases leave the role alone. True when its rights changed. The
        administrator's rights stay as they are: BuiltinRole."""
        rights = None if permissions is None else sorted(permissions)
        given = {"name_zh": name_zh, "name_en": name_en, "permissions": rights}
        changed = {key: value for key, value in given.items() if value is not None and value != getattr(self, key)}
        if self.code == ADMIN and "permissions" in changed:
            raise BuiltinRole()
        if changed:
            self.journal(Journal("change", by, data={key: [getattr(self, key), new] for key, new in changed.items()}))
            self.shipped = False
            for key, value in changed.items():
                setattr(self, key, value)
        return "permissions" in changed


def union(roles: Iterable[Role]) -> list[str]:
    """What a user with these roles may do; ``*`` alone says all."""
    rights = {permission for role in roles for permission in role.permissions}
    return ["*"] if "*" in rights else sorted(rights)
