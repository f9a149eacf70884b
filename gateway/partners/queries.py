"""Lists of partners and of their calls; what the caller may see is decided by the database."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from gateway.partners import views
from gateway.partners.call import PartnerCall
from gateway.partners.key import PartnerKey
from gateway.partners.partner import Partner
from gateway.partners.usecases import keys_of

_EXACT = ("partner_id", "operation", "method", "status", "dry_run", "address", "trace_id")


def find(uow: UnitOfWork, partner_id: uuid.UUID) -> tuple[Partner, list[PartnerKey]]:
    return uow.read(Partner, partner_id), keys_of(uow, [partner_id])[partner_id]


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """A page of partners, each with its keys."""
    statement, filters = select(Partner), query.filters
    if "client_id" in filters:
        statement = statement.where(Partner.client_id == filters["client_id"])
    if "state" in filters:
        statement = statement.where(Partner.state == filters["state"])
    if query.q:
        statement = statement.where(Partner.name.contains(query.q, autoescape=True))
    sorts = {"name": Partner.name, "created_at": Partner.created_at, "expires_at": Partner.expires_at}
    found: list[Partner] = []

    def keep(partner: Partner) -> dict[str, Any]:
        found.append(partner)
        return {}

    page = uow.page(statement, query, sorts=sorts, default_sort="name", key=Partner.id, view=keep)
    keys = keys_of(uow, [partner.id for partner in found])
    return {**page, "items": [views.partner(uow, (partner, keys[partner.id])) for partner in found]}


def calls(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Newest first; of one partner, or of all in scope."""
    statement, filters = select(PartnerCall), query.filters
    for name in _EXACT:
        if name in filters:
            statement = statement.where(getattr(PartnerCall, name) == filters[name])
    if "since" in filters:
        statement = statement.where(PartnerCall.at >= filters["since"])
    if "until" in filters:
        statement = statement.where(PartnerCall.at < filters["until"])
    return uow.page(
        statement, query, sorts={"at": PartnerCall.at}, default_sort="-at", key=PartnerCall.id, view=views.call
    )
