"""Closing the accounts of a customer who was erased (C-04)."""

from __future__ import annotations

import uuid
from datetime import datetime

from chassis.db.uow import UnitOfWork
from gateway.identity import parties, signin, voiding
from gateway.identity.credential import Credential
from gateway.identity.erased_customer import ErasedCustomer
from gateway.identity.party import Party
from gateway.identity.user import User


def erase(uow: UnitOfWork, customer_id: uuid.UUID, at: datetime) -> None:
    """The customer's party is over, its people's tokens and sessions are void, their passwords and names gone; what they
    signed keeps their login names. No party is made for him again. A second telling changes nothing."""
    parties.alone(uow, customer_id)
    if uow.one(ErasedCustomer, id=customer_id) is None:
        uow.add(ErasedCustomer(id=customer_id, erased_at=at))
    party = uow.one(Party, customer_id=customer_id, lock=True)
    if party is None or party.erased_at is not None:
        return
    party.erase(uow.actor, at)
    people = uow.find(User, party_id=party.id, order_by=(User.id,), lock=True)
    for user in people:
        user.erase(uow.actor, at)
    voiding.void_all(uow, [user.id for user in people])
    for user in people:
        uow.get(Credential, user.id).close()
        signin.end_sessions(uow, user.id, "erased")
