"""What the gateway tells the services about organisation and users."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

from chassis.domain.events import event


@event("aftersales.gateway.org_unit.created.v1")
@dataclass(frozen=True, slots=True)
class OrgUnitCreated:
    code: str
    name: str
    kind: str
    path: str
    parent_path: str | None


@event("aftersales.gateway.org_unit.changed.v1")
@dataclass(frozen=True, slots=True)
class OrgUnitChanged:
    code: str
    name: str
    kind: str
    path: str
    parent_path: str | None


@event("aftersales.gateway.org_unit.moved.v1")
@dataclass(frozen=True, slots=True)
class OrgUnitMoved:
    code: str
    name: str
    kind: str
    path: str
    parent_path: str | None
    former_path: str


@event("aftersales.gateway.org_unit.deleted.v1")
@dataclass(frozen=True, slots=True)
class OrgUnitDeleted:
    code: str
    name: str
    kind: str
    path: str
    parent_path: str | None


@event("aftersales.gateway.org_unit.restored.v1")
@dataclass(frozen=True, slots=True)
class OrgUnitRestored:
    code: str
    name: str
    kind: str
    path: str
    parent_path: str | None


@event("aftersales.gateway.user.created.v1")
@dataclass(frozen=True, slots=True)
class UserCreated:
    username: str
    name: str
    org_path: str
    roles: list[str]
    active: bool


@event("aftersales.gateway.user.changed.v1")
@dataclass(frozen=True, slots=True)
class UserChanged:
    username: str
    name: str
    org_path: str
    roles: list[str]
    active: bool


@event("aftersales.gateway.party.created.v1")
@dataclass(frozen=True, slots=True)
class PartyCreated:
    kind: str
    customer_id: uuid.UUID | None
    contract_ends_on: date


@event("aftersales.gateway.party.changed.v1")
@dataclass(frozen=True, slots=True)
class PartyChanged:
    kind: str
    customer_id: uuid.UUID | None
    contract_ends_on: date
