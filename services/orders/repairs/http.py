"""Work orders over HTTP."""

from __future__ import annotations

from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from chassis.http.resolver import Caller
from services.orders.kernel import Document
from services.orders.repairs import correcting, history, queries, usecases
from services.orders.repairs.loading import see


def create(uow: UnitOfWork, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.register(uow, **body), caller.language)


def get(uow: UnitOfWork, work_order_id: UUID, caller: Caller) -> Document:
    order = see(uow, work_order_id)
    return {**queries.document(uow, order, caller.language), "gates": usecases.gates_of(uow, order, caller.language)}


def search(uow: UnitOfWork, query: ListQuery, caller: Caller) -> Document:
    return queries.search(uow, query, caller.language)


def correct(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, correcting.correct(uow, work_order_id, **body), caller.language)


def timeline(uow: UnitOfWork, work_order_id: UUID, query: ListQuery, caller: Caller) -> Document:
    return queries.timeline(uow, work_order_id, query, caller.language)


def quotes(uow: UnitOfWork, work_order_id: UUID) -> Document:
    return queries.quotes(uow, work_order_id)


def import_history(uow: UnitOfWork, body: Document) -> Document:
    return {"results": history.take_over(uow, body["rows"])}


def assign(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.assign(uow, work_order_id, **body), caller.language)


def start(uow: UnitOfWork, work_order_id: UUID, caller: Caller) -> Document:
    return queries.document(uow, usecases.start(uow, work_order_id), caller.language)


def diagnose(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.diagnose(uow, work_order_id, **body), caller.language)


def quote(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.quote(uow, work_order_id, **body), caller.language)


def approve(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.approve(uow, work_order_id, **body), caller.language)


def reject(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.reject(uow, work_order_id, **body), caller.language)


def complete(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.complete(uow, work_order_id, **body), caller.language)


def check(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.check(uow, work_order_id, **body), caller.language)


def return_parts(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.return_parts(uow, work_order_id, **body), caller.language)


def hand_over(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.hand_over(uow, work_order_id, **body), caller.language)


def audit(uow: UnitOfWork, work_order_id: UUID, caller: Caller) -> Document:
    return queries.document(uow, usecases.audit(uow, work_order_id), caller.language)


def unaudit(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.unaudit(uow, work_order_id, **body), caller.language)


def rebill(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.rebill(uow, work_order_id, **body), caller.language)


def cancel(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.cancel(uow, work_order_id, **body), caller.language)
