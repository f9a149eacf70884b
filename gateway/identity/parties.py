"""Parties and what their people's accounts may be (G-10)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select, text

from chassis import contracts
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden, UnknownReference, ValidationFailed
from chassis.domain.moments import DEFAULT_ZONE, day, is_zone
from chassis.domain.principal import HEADQUARTERS
from gateway.identity import tree, voiding
from gateway.identity.erased_customer import ErasedCustomer
from gateway.identity.errors import CustomerErased
from gateway.identity.org_unit import OrgUnit
from gateway.identity.party import Party, PartyKind
from gateway.identity.role import Role
from gateway.identity.user import User

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('customer ' || :id, 0))")


def create_party(
    uow: UnitOfWork, kind: str, name: str, org_unit_code: str, contract_ends_on: str, customer_id: str | None = None,
    time_zone: str = DEFAULT_ZONE,
) -> Party:
    """A customer that is a party already: Duplicate; one who was erased: CustomerErased. The unit is an office in the caller's
    scope."""
    unit = tree.place(uow, org_unit_code, "org_unit_code")
    if not unit.office:
        raise UnknownReference("org_unit_code")  # a department has no scope of its own
    if not is_zone(time_zone):
        raise ValidationFailed.of("time_zone", "not_allowed")
    within_sight(uow, PartyKind(kind))
    customer = _living(uow, uuid.UUID(customer_id)) if customer_id else None
    party = Party.create(uow.actor, PartyKind(kind), name, unit, day(contract_ends_on), customer, time_zone)
    uow.add(party)
    return party


def change_party(uow: UnitOfWork, party_id: uuid.UUID, name: str | None = None, contract_ends_on: str | None = None) -> Party:
    """Another last day makes the tokens of its people void at once; they refresh, if the contract still runs. CustomerErased."""
    party = uow.get(Party, party_id)
    if party.change(uow.actor, name, day(contract_ends_on) if contract_ends_on else None):
        voiding.void_all(uow, [row.id for row in uow.rows(select(User.id).where(User.party_id == party.id))])
    return party


def within_sight(uow: UnitOfWork, kind: PartyKind) -> None:
    """A customer's people see his documents at every site. Who makes or takes over such an account sees them too, so that is for those
    who see the whole company anyway: Forbidden."""
    if kind is PartyKind.CUSTOMER and not HEADQUARTERS.startswith(uow.principal.scope):
        raise Forbidden("accounts of customers are headquarters' business")


def all_within_sight(uow: UnitOfWork, party_ids: Sequence[uuid.UUID]) -> None:
    """The same of many accounts' parties."""
    for kind in {row.kind for row in uow.rows(select(Party.kind).where(Party.id.in_(set(party_ids))).distinct())} if party_ids else ():
        within_sight(uow, PartyKind(kind))


def alone(uow: UnitOfWork, customer_id: uuid.UUID) -> None:
    """Nobody else makes or erases the customer's party until commit."""
    uow.execute(_ALONE, {"id": str(customer_id)})


def _living(uow: UnitOfWork, customer_id: uuid.UUID) -> uuid.UUID:
    """Held until commit, so that he is not erased between this look and the party."""
    alone(uow, customer_id)
    erased = uow.one(ErasedCustomer, id=customer_id)
    if erased is not None:
        raise CustomerErased(erased_at=erased.erased_at)
    return customer_id


def of_account(uow: UnitOfWork, party_id: str, unit: OrgUnit, roles: list[str]) -> Party:
    """The party of an account to be made. Its unit is the party's or an office below it, its roles are fit for outsiders."""
    party = uow.one(Party, id=uuid.UUID(party_id), lock=True)
    if party is None:
        raise UnknownReference("party_id")
    party.require_not_erased()
    if not unit.office or not unit.org_path.startswith(party.org_path):
        raise UnknownReference("org_unit_code")
    check_roles(uow, roles)
    return party


def check_roles(uow: UnitOfWork, codes: list[str]) -> None:
    """Every right of every role must be one that outside accounts may have: ValidationFailed names the roles."""
    found = {role.code: role for role in uow.find(Role, code=codes)} if codes else {}
    unfit = [
        {"field": f"roles.{index}", "code": "not_allowed"}
        for index, code in enumerate(codes)
        if code in found and not set(found[code].permissions) <= rights()
    ]
    if unfit:
        raise ValidationFailed(unfit)


def rights() -> frozenset[str]:
    """The rights that outside accounts may have: those that an operation marked ``x-outside`` asks for. No patterns."""
    asked = (o.permission or "" for service in contracts.services() for o in contracts.operations(service) if o.outside)
    return frozenset(right for right in asked if "." in right)


def of_user(uow: UnitOfWork, user: User) -> Party | None:
    return None if user.party_id is None else uow.read(Party, user.party_id)
