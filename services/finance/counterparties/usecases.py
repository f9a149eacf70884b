"""What can be done with counterparties."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.finance.counterparties.counterparty import CUSTOMER, Counterparty, Party

_CUSTOMER = "INSERT INTO parties (id, kind) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING"


def create(uow: UnitOfWork, **fields: Any) -> Counterparty:
    """Raises Duplicate(field="code")."""
    made = Counterparty.create(**fields)
    uow.add(made)
    uow.add(Party(id=made.id, kind=made.kind.value))
    return made


def change(uow: UnitOfWork, counterparty_id: UUID, **fields: Any) -> Counterparty:
    """Kind and code stay: documents were made under them."""
    found = uow.get(Counterparty, counterparty_id)
    found.change(**fields)
    return found


def name_customer(uow: UnitOfWork, customer_id: UUID | None) -> None:
    """A document names him: he is a party from now on. Goes in front of the document's own rows."""
    if customer_id:
        uow.later(_CUSTOMER, (customer_id, CUSTOMER))
