"""Notices over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from chassis.http.resolver import Caller
from gateway.notices import queries, usecases, views

Document = dict[str, Any]


def search(uow: UnitOfWork, query: ListQuery, caller: Caller) -> Document:
    return queries.search(uow, query, caller.language)


def get(uow: UnitOfWork, notice_id: UUID, caller: Caller) -> Document:
    return views.notice(queries.own(uow, notice_id), caller.language)


def read(uow: UnitOfWork, notice_id: UUID, caller: Caller) -> Document:
    return views.notice(usecases.read(uow, notice_id), caller.language)


def read_all(uow: UnitOfWork, body: Document) -> Document:
    return {"read": usecases.read_all(uow, **body)}
