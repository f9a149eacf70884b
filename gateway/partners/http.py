"""Partners over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from chassis.http.resolver import Caller
from gateway.partners import issuing, queries, usecases, views
from gateway.partners.partner import Partner

Document = dict[str, Any]


def token(uow: UnitOfWork, body: Document, caller: Caller) -> Document:
    return views.token(issuing.issue(uow.engine, issuing.Asked(caller.authorization, body, caller.address)))


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.search(uow, query)


def create(uow: UnitOfWork, body: Document) -> Document:
    partner, keys, secret = usecases.create(uow, **body)
    return views.partner(uow, (partner, keys), secret)


def get(uow: UnitOfWork, partner_id: UUID) -> Document:
    return views.partner(uow, queries.find(uow, partner_id))


def update(uow: UnitOfWork, partner_id: UUID, body: Document) -> Document:
    return _shown(uow, usecases.change(uow, partner_id, **body))


def disable(uow: UnitOfWork, partner_id: UUID) -> Document:
    return _shown(uow, usecases.disable(uow, partner_id))


def enable(uow: UnitOfWork, partner_id: UUID) -> Document:
    return _shown(uow, usecases.enable(uow, partner_id))


def rotate_key(uow: UnitOfWork, partner_id: UUID, body: Document) -> Document:
    partner, keys, secret = usecases.rotate_key(uow, partner_id, **body)
    return views.partner(uow, (partner, keys), secret)


def revoke_key(uow: UnitOfWork, partner_id: UUID, body: Document) -> Document:
    return _shown(uow, usecases.revoke_key(uow, partner_id, body["key_id"]))


def search_calls(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.calls(uow, query)


def _shown(uow: UnitOfWork, partner: Partner) -> Document:
    return views.partner(uow, (partner, usecases.keys_of(uow, [partner.id])[partner.id]))
