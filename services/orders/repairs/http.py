"""Work orders over HTTP."""

from __future__ import annotations

from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import DomainError
from chassis.http.confirming import Unconfirmed, confirmed_by
from chassis.http.resolver import Caller
from services.orders.kernel import Document
from services.orders.repairs import correcting, custody, exits, history, queries, quick_jobs, usecases
from services.orders.repairs.loading import see
from services.orders.repairs.states import State
from services.orders.repairs.work_order import WorkOrder


def create(uow: UnitOfWork, body: Document, caller: Caller) -> Document:
    return queries.document(uow, usecases.register(uow, **body), caller.language)


def get(uow: UnitOfWork, work_order_id: UUID, caller: Caller) -> Document:
    order = see(uow, work_order_id)
    gates = usecases.gates_of(uow, order, caller.language)
    return {**queries.document(uow, order, caller.language), "gates": gates, "at_hand": custody.at_hand(order)}


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


def return_unrepaired(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, exits.return_unrepaired(uow, work_order_id, **body), caller.language)


def close_uncollected(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document:
    return queries.document(uow, exits.close_uncollected(uow, work_order_id, **body), caller.language)


def _cancelled(uow: UnitOfWork, id: UUID, caller: Caller) -> Document | None:
    order = exits.cancelled(uow, id)
    return queries.document(uow, order, caller.language) if order else None


@confirmed_by(_cancelled)
def cancel(uow: UnitOfWork, work_order_id: UUID, body: Document, caller: Caller) -> Document | Unconfirmed:
    order = exits.cancel(uow, work_order_id, **body)
    document = queries.document(uow, order, caller.language)
    return Unconfirmed(document) if order.state is State.CANCELLING else document


def search_quick_jobs(uow: UnitOfWork, query: ListQuery, caller: Caller) -> Document:
    return queries.search(uow, query, caller.language, WorkOrder.kind == quick_jobs.KIND)


def get_quick_job(uow: UnitOfWork, quick_job_id: UUID, caller: Caller) -> Document:
    quick_jobs.require(uow, quick_job_id)
    return get(uow, quick_job_id, caller)


def _settled(uow: UnitOfWork, id: UUID, caller: Caller) -> Document | None:
    order = quick_jobs.settled(uow, id)
    return queries.document(uow, order, caller.language) if order else None


def _lapsed(uow: UnitOfWork, id: UUID, caller: Caller) -> Document | DomainError:
    ended = quick_jobs.lapse(uow, id)
    return ended if isinstance(ended, DomainError) else queries.document(uow, ended, caller.language)


@confirmed_by(_settled, lapse=_lapsed)
def create_quick_job(uow: UnitOfWork, body: Document, caller: Caller) -> Unconfirmed:
    return Unconfirmed(queries.document(uow, quick_jobs.create(uow, **body), caller.language))
