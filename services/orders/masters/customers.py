"""Customers as whoever opens a document for them sees them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import UnknownReference
from services.orders.masters.copies import CustomerCopy
from services.orders.masters.phones import digit_forms, digits_mark

SEE_FULL = "callcenter.customer.see_full"
"""The right to see numbers in full (C-04), and to search by a part of one: digit by digit a part would tell the rest."""
# Locks that need no right to change the copy: outside accounts (G-10) open documents, too.
_NAME = "hashtextextended('customer ' || %s, 0)"
_HELD, _ALONE = f"SELECT pg_advisory_xact_lock_shared({_NAME})", f"SELECT pg_advisory_xact_lock({_NAME})"
WHOLE, LOOKED_AT = 7, 200
"""Digits that a whole number has at least; so many customers are looked at whose numbers begin alike."""


def living(uow: UnitOfWork, id: str | UUID, field: str = "customer_id") -> UUID:
    """The id of a customer that a document may name. He is held until commit together with others who do the same, so that
    nobody is erased (C-04) between this look and the document. Raises UnknownReference, CustomerErased."""
    key = UUID(str(id))
    uow.first(_HELD, (str(key),))
    found = uow.find(CustomerCopy, id=key)  # asked for in any case: the lock goes in front of it
    if not found:
        raise UnknownReference(field).waiting()
    found[0].require_not_erased()
    return key


def alone(uow: UnitOfWork, id: UUID) -> None:
    """Waits until no document is being opened for the customer; none is then until commit."""
    uow.first(_ALONE, (str(id),))


def owners(uow: UnitOfWork, digits: str) -> Select[UUID]:
    """Customers one of whose numbers begins with these digits; is these digits, when the caller may see numbers in part only."""
    beginning = CustomerCopy.phone_marks.contains([digits_mark(digits)])
    if uow.principal.may(SEE_FULL):
        return select(CustomerCopy.id).where(beginning)
    alike = uow.find(CustomerCopy, beginning, limit=LOOKED_AT) if len(digits) >= WHOLE else []
    whole = [one.id for one in alike if any(digits in digit_forms(phone) for phone in one.phones)]
    return select(CustomerCopy.id).where(CustomerCopy.id.in_(whole))
