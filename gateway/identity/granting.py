"""Roles built from rights by administrators (G-09)."""

from __future__ import annotations

import uuid

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden, UnknownReference, ValidationFailed
from chassis.domain.principal import HEADQUARTERS
from gateway.identity import views, voiding
from gateway.identity.role import Role


def create_role(uow: UnitOfWork, code: str, name_zh: str, name_en: str, permissions: list[str]) -> Role:
    """A taken code is Duplicate, a right that no operation asks for a ValidationFailed, one the caller lacks Forbidden."""
    _grantable(uow, permissions)
    role = Role.create(uow.actor, code, name_zh, name_en, permissions)
    uow.add(role)
    return role


def change_role(
    uow: UnitOfWork,
    role_id: uuid.UUID,
    name_zh: str | None = None,
    name_en: str | None = None,
    permissions: list[str] | None = None,
) -> Role:
    """Whoever has the role has the new rights with the next call: tokens made before are void."""
    role = uow.get(Role, role_id)
    _grantable(uow, [*role.permissions, *(permissions or ())])
    if role.change(uow.actor, name_zh, name_en, permissions):
        voiding.void_holders(uow, role.code)
    return role


def may_give(uow: UnitOfWork, codes: list[str]) -> None:
    """Roles for users or units: nobody gives a right that he does not have himself."""
    known = {role.code for role in uow.find(Role, code=codes)} if codes else set()
    if missing := [index for index, code in enumerate(codes) if code not in known]:
        raise UnknownReference(f"roles.{missing[0]}")
    if len(set(codes)) != len(codes):
        raise ValidationFailed.of("roles", "duplicate_line")
    within(uow, codes)


def within(uow: UnitOfWork, codes: list[str]) -> None:
    """Forbidden when these roles together may more than the caller."""
    if beyond(uow, codes):
        raise Forbidden("more rights than the caller has")


def beyond(uow: UnitOfWork, codes: list[str]) -> set[str]:
    """Those of the roles that hold a right which the caller lacks."""
    roles = uow.find(Role, code=codes) if codes else []
    return {role.code for role in roles if not all(uow.principal.may(right) for right in role.permissions)}


def _grantable(uow: UnitOfWork, permissions: list[str]) -> None:
    """A role holds for the whole company: an administrator of a branch would give himself rights elsewhere."""
    if not HEADQUARTERS.startswith(uow.principal.scope):
        raise Forbidden("roles are headquarters' business")
    known = views.permissions()
    unknown = [
        {"field": f"permissions.{index}", "code": "unknown"}
        for index, right in enumerate(permissions)
        if not any(there == right or (right.endswith("*") and there.startswith(right[:-1])) for there in known)
    ]
    if unknown:
        raise ValidationFailed(unknown)
    if not all(uow.principal.may(right) for right in permissions):
        raise Forbidden("more rights than the caller has")
