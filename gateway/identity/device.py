"""Sign-in device (登录设备, G-22): a browser or machine that a unit's people may sign in on."""

from __future__ import annotations

import hashlib
import uuid
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.machine import Machine, Move


class DeviceState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REVOKED = "revoked"


class SignInDevice(Base, Scoped, Aggregate):
    """Only a digest of the key that the device keeps is stored. ``org_path`` is the unit's."""

    __tablename__ = "sign_in_devices"
    __table_args__ = (UniqueConstraint("unit_id", "key_digest"),)

    unit_id: Mapped[uuid.UUID]
    key_digest: Mapped[str]
    label: Mapped[str]
    state: Mapped[DeviceState] = mapped_column()
    first_username: Mapped[str]
    first_address: Mapped[str]

    def approve(self, by: str) -> None:
        DEVICES.fire(self, "approve", by)

    def revoke(self, by: str) -> None:
        DEVICES.fire(self, "revoke", by)


DEVICES = Machine(
    "sign_in_device",
    DeviceState,
    initial=DeviceState.PENDING,
    final=set(),
    moves=[
        Move("approve", {DeviceState.PENDING, DeviceState.REVOKED}, DeviceState.APPROVED, permission="gateway.sign_in_device.approve"),
        Move("revoke", {DeviceState.PENDING, DeviceState.APPROVED}, DeviceState.REVOKED, permission="gateway.sign_in_device.revoke"),
    ],
)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
