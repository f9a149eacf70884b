"""Lists of partners and of their calls; what the caller may see is decided by the database."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from chassis.db.folded import contains
from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.uow import UnitOfWork
from gateway.partners import views
from gateway.partners.call import PartnerCall
from gateway.partners.key import PartnerKey
from gateway.partners.partner import Partner
from gateway.partners.usecases import keys_of

_PARTNERS = Listing(
    select(Partner), default_sort="name", key=Partner.id,
    equal=members(Partner, "client_id", "state"),
)  # fmt: skip
_CALLS = Listing(
    select(PartnerCall), sorts=beginnings(PartnerCall, "path"), default_sort="-at", key=PartnerCall.id,
    equal=members(PartnerCall, "partner_id", "operation", "method", "status", "dry_run", "address", "trace_id"),
)  # fmt: skip


def find(uow: UnitOfWork, partner_id: uuid.UUID) -> tuple[Partner, list[PartnerKey]]:
    return uow.read(Partner, partner_id), keys_of(uow, [partner_id])[partner_id]


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """A page of partners, each with its keys."""
    found: list[Partner] = []

    def view(partner: Partner) -> dict[str, Any]:
        found.append(partner)
        return {}

    page = _PARTNERS.page(uow, query, view, *contains(Partner.search_key, query.q))
    keys = keys_of(uow, [partner.id for partner in found])
    return {**page, "items": [views.partner(uow, (partner, keys[partner.id])) for partner in found]}


def calls(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Newest first; of one partner, or of all in scope."""
    where, filters = [], query.filters
    if "since" in filters:
        where.append(PartnerCall.at >= filters["since"])
    if "until" in filters:
        where.append(PartnerCall.at < filters["until"])
    return _CALLS.page(uow, query, views.call, *where)
