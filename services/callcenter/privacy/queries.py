"""Consents in force, and lists of consents and disclosures."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import distinct_on

from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.uow import UnitOfWork
from services.callcenter.customers import Customer, of_served, whole
from services.callcenter.privacy import views
from services.callcenter.privacy.consent import Consent, Kind
from services.callcenter.privacy.disclosure import Disclosure

_CONSENTS = Listing(
    select(Consent), default_sort="-created_at", key=Consent.id,
    equal=members(Consent, "customer_id", "kind"),
)  # fmt: skip
_DISCLOSURES = Listing(
    select(Disclosure), sorts=beginnings(Disclosure, "recipient", "purpose"), default_sort="-created_at", key=Disclosure.id,
    equal=members(Disclosure, "customer_id", "kind"),
)  # fmt: skip


def consents_of(uow: UnitOfWork, customer_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """The newest word of each kind, by customer: the later day holds, of one day what was recorded last."""
    found: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    if not customer_ids:
        return found
    newest = (
        select(Consent.customer_id, Consent.kind, Consent.given, Consent.stated_on)
        .ext(distinct_on(Consent.customer_id, Consent.kind))
        .where(Consent.customer_id.in_(customer_ids))
        .order_by(Consent.customer_id, Consent.kind, Consent.stated_on.desc(), Consent.id.desc())
    )
    for row in uow.rows(newest):
        found[row.customer_id].append({"kind": row.kind, "given": row.given, "stated_on": row.stated_on})
    return found


def agreed(uow: UnitOfWork, customer_id: UUID, kind: Kind) -> bool:
    return any(one["kind"] == kind and one["given"] for one in consents_of(uow, [customer_id]).get(customer_id, ()))


def file_of(uow: UnitOfWork, customer: Customer) -> dict[str, Any]:
    """The beginning of the file about one person: who made it when, and the customer with his numbers in full, whatever right
    the reader has else. What hangs on him in all services follows, list by list (``x-collects`` in the contract)."""
    consents = consents_of(uow, [customer.id]).get(customer.id, ())
    return {"exported_at": uow.now, "exported_by": uow.actor, "customer": whole(customer, customer.phones, consents)}


def search_consents(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _CONSENTS.page(uow, query, views.consent, *_of_mine(uow, query, Consent.customer_id))


def search_disclosures(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _DISCLOSURES.page(uow, query, views.disclosure, *_of_mine(uow, query, Disclosure.customer_id))


def _of_mine(uow: UnitOfWork, query: ListQuery, customer_id: Any) -> list[ColumnElement[bool]]:
    return [] if "customer_id" in query.filters else of_served(uow, customer_id)
