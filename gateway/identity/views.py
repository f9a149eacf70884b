"""Users, roles, units and tokens as documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis import contracts
from chassis.domain.principal import Principal
from chassis.http.views import stamps
from gateway.identity.credential import Credential
from gateway.identity.device import DeviceState, SignInDevice
from gateway.identity.org_unit import OrgUnit
from gateway.identity.party import Party
from gateway.identity.role import Role
from gateway.identity.signin import Signed
from gateway.identity.user import User
from gateway.tokens import ACCESS_SECONDS

Document = dict[str, Any]


def tokens(signed: Signed) -> Document:
    return {
        "access_token": signed.access_token,
        "refresh_token": signed.refresh_token,
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "must_change_password": signed.must_change,
        "last_login_at": signed.last_login_at,
    }


def me(principal: Principal, found: tuple[User, Credential] | None) -> Document:
    """The caller. Nobody's document stands behind the command line's own token."""
    user, credential = found or (None, None)
    return {
        "id": principal.user_id,
        "username": principal.username.partition("/")[0],
        "acting_for": principal.username.partition("/")[2] or None,
        "name": user.name if user else principal.username,
        "roles": list(principal.roles),
        "permissions": [right for right in permissions() if principal.may(right)],
        "org_path": principal.scope,
        "must_change_password": credential.must_change if credential else False,
        "language": principal.language,
        "party_kind": principal.party_kind or None,
    }


def right(permission: str) -> Document:
    """One right and the operations that ask for it, or answer more to who has it."""
    every = (o for service in contracts.services() for o in contracts.operations(service))
    asking = [o for o in every if permission in o.rights]
    operations = [{"method": o.method.upper(), "path": o.path, "summary": o.spec.get("summary", "")} for o in asking]
    return {"permission": permission, "service": permission.partition(".")[0], "operations": operations}


def permissions() -> list[str]:
    """Every right that any contract asks for."""
    every = [o for service in contracts.services() for o in contracts.operations(service)]
    return sorted({right for o in every for right in o.rights})


def user(found: tuple[User, Credential], principal: Principal, password: str | None = None) -> Document:
    document, credential = found
    himself = str(document.id) == principal.user_id
    shown = {
        "id": document.id,
        "username": document.username,
        "name": document.name,
        "org_unit_id": document.org_unit_id,
        "org_path": document.home,
        "party_id": document.party_id,
        "roles": document.roles,
        "active": document.active,
        "deleted": document.deleted_at is not None,
        "locked": credential.locked,
        "must_change_password": credential.must_change,
        "last_login_at": credential.last_login_at,
        "allowed_actions": _open(
            principal,
            ("unlock", "gateway.user.unlock", credential.locked),
            ("reset-password", "gateway.user.reset_password", document.deleted_at is None),
            ("force-off", "gateway.user.force_off", document.deleted_at is None),
            ("delete", "gateway.user.delete", document.deleted_at is None and not himself),
            ("restore", "gateway.user.delete", document.deleted_at is not None),
        ),
        **stamps(document),
    }
    return shown if password is None else {**shown, "password": password}


def _open(principal: Principal, *actions: tuple[str, str, bool]) -> list[str]:
    """Of (action, right, whether it makes sense now) those that the caller may do."""
    return [action for action, right, open_ in actions if open_ and principal.may(right)]


def org_unit(unit: OrgUnit, principal: Principal) -> Document:
    there, own = unit.deleted_at is None, unit.org_path == principal.scope
    return {
        "id": unit.id,
        "code": unit.code,
        "name": unit.name,
        "kind": unit.kind,
        "path": unit.org_path,
        "parent_id": unit.parent_id,
        "leader_id": unit.leader_id,
        "deputy_id": unit.deputy_id,
        "duties": unit.duties,
        "roles": unit.roles,
        "devices_checked": unit.devices_checked,
        "deleted": unit.deleted_at is not None,
        "allowed_actions": _open(
            principal,
            ("move", "gateway.org_unit.move", there and unit.parent_id is not None and not own),
            ("delete", "gateway.org_unit.delete", there and unit.parent_id is not None and not own),
            ("restore", "gateway.org_unit.delete", not there),
        ),
        **stamps(unit),
    }


def device(found: SignInDevice, principal: Principal) -> Document:
    members = ("id", "unit_id", "org_path", "label", "state", "first_username", "first_address")
    actions = _open(
        principal,
        ("approve", "gateway.sign_in_device.approve", found.state is not DeviceState.APPROVED),
        ("revoke", "gateway.sign_in_device.revoke", found.state is not DeviceState.REVOKED),
    )
    return {**{name: getattr(found, name) for name in members}, "allowed_actions": actions, **stamps(found)}


def presence(row: Any) -> Document:
    """One line of the login status (G-20)."""
    members = ("user_id", "username", "name", "org_path", "online", "since", "address", "last_login_at", "online_seconds")
    return {name: getattr(row, name) for name in members}


def party(found: Party, now: datetime) -> Document:
    members = ("id", "kind", "name", "org_unit_id", "org_path", "customer_id", "contract_ends_on", "time_zone", "erased_at")
    return {**{name: getattr(found, name) for name in members}, "ended": found.over(now), **stamps(found)}


def role(found: Role) -> Document:
    return {
        "id": found.id,
        "code": found.code,
        "name_zh": found.name_zh,
        "name_en": found.name_en,
        "permissions": found.permissions,
        "shipped": found.shipped,
        **stamps(found),
    }
