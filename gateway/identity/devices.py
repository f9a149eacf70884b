"""Which devices a unit's people sign in on (G-22)."""

from __future__ import annotations

import uuid

from sqlalchemy import func, select

from chassis.db.uow import UnitOfWork
from gateway.identity import announce
from gateway.identity.device import DeviceState, SignInDevice, digest
from gateway.identity.errors import DeviceNotAllowed
from gateway.identity.org_unit import OrgUnit
from gateway.identity.session import Session

MOST_PENDING = 50
"""Devices of a unit that may wait for approval; more are refused without being noted."""


def known(
    uow: UnitOfWork, unit: OrgUnit, username: str, key: str | None, label: str, address: str
) -> uuid.UUID | DeviceNotAllowed:
    """The id of the approved device; else the refusal. A key seen for the first time waits for the unit's manager."""
    if key is None:
        return DeviceNotAllowed("unknown")
    found = uow.one(SignInDevice, unit_id=unit.id, key_digest=digest(key), lock=True)
    if found is not None:
        return found.id if found.state is DeviceState.APPROVED else DeviceNotAllowed(found.state.value)
    pending = select(func.count()).where(SignInDevice.unit_id == unit.id, SignInDevice.state == DeviceState.PENDING)
    if uow.scalar(pending) < MOST_PENDING:
        uow.add(
            SignInDevice(
                unit_id=unit.id,
                org_path=unit.org_path,
                key_digest=digest(key),
                label=label,
                state=DeviceState.PENDING,
                first_username=username,
                first_address=address,
            )
        )
    return DeviceNotAllowed("pending")


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
    """The unit lets in approved devices only: sessions begun on others end."""
    _end(uow, Session.org_path == unit.org_path, Session.device_id.is_(None))


def _end(uow: UnitOfWork, *which: object) -> None:
    for session in uow.find(Session, *which, Session.ended_at.is_(None), lock=True):  # type: ignore[arg-type]
        session.end("device", uow.now)
        announce.session_ended(uow, session.id)
