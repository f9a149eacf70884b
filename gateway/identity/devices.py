"""Which devices a unit's people sign in on (G-22)."""

from __future__ import annotations

import uuid

from sqlalchemy import func, select

from chassis.db.uow import UnitOfWork
from gateway.identity import administrators, announce
from gateway.identity.device import DeviceState, SignInDevice, digest
from gateway.identity.errors import DeviceNotAllowed
from gateway.identity.org_unit import OrgUnit
from gateway.identity.session import Session
from gateway.identity.user import User

MOST_PENDING = 50
"""Devices of a unit that may wait for approval; more are refused without being noted."""


def known(
    uow: UnitOfWork, unit: OrgUnit, user: User, key: str | None, label: str, address: str
) -> uuid.UUID | DeviceNotAllowed | None:
    """The id of the approved device; else the refusal. A key seen for the first time waits for the unit's manager.

    Administrators of headquarters do not wait, since nobody stands above them who would approve theirs: without a device, or on one that
    waits, they are let in; on one that was revoked nobody is."""
    waits = not administrators.is_one(user)
    if key is None:
        return DeviceNotAllowed("unknown") if waits else None
    found = uow.one(SignInDevice, unit_id=unit.id, key_digest=digest(key), lock=True)
    if found is not None:
        admitted = found.state is DeviceState.APPROVED or (found.state is DeviceState.PENDING and not waits)
        return found.id if admitted else DeviceNotAllowed(found.state.value)
    pending = select(func.count()).where(SignInDevice.unit_id == unit.id, SignInDevice.state == DeviceState.PENDING)
    if uow.scalar(pending) < MOST_PENDING:
        found = SignInDevice(
            unit_id=unit.id,
            org_path=unit.org_path,
            key_digest=digest(key),
            label=label,
            state=DeviceState.PENDING,
            first_username=user.username,
            first_address=address,
        )
        uow.add(found)
    if waits:
        return DeviceNotAllowed("pending")
    return found.id if found is not None else None


def approve(uow: UnitOfWork, device_id: uuid.UUID) -> SignInDevice:
    device = uow.get(SignInDevice, device_id)
    device.approve(uow.actor)
    return device


def revoke(uow: UnitOfWork, device_id: uuid.UUID) -> SignInDevice:
    """Ends the sessions that were begun on it."""
    device = uow.get(SignInDevice, device_id)
    device.revoke(uow.actor)
    _end(uow, Session.device_id == device.id)
    return device


def check_from_now(uow: UnitOfWork, unit: OrgUnit) -> None:
    """The unit lets in approved devices only: sessions begun on others end, but for those who would be let in again (``known``)."""
    free = select(User.id).where(administrators.THEY)
    _end(uow, Session.org_path == unit.org_path, Session.device_id.is_(None), Session.user_id.not_in(free))


def _end(uow: UnitOfWork, *which: object) -> None:
    for session in uow.find(Session, *which, Session.ended_at.is_(None), lock=True):  # type: ignore[arg-type]
        session.end("device", uow.now)
        announce.session_ended(uow, session.id)
