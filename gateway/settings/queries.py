"""Lists of parameters and of their changes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from gateway.settings import usecases, views
from gateway.settings.catalogue import catalogue
from gateway.settings.parameter import Parameter, ParameterChange


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement = select(Parameter).where(Parameter.key.in_(list(catalogue())))
    sorts = {"key": Parameter.key}
    return uow.page(statement, query, sorts=sorts, default_sort="key", key=Parameter.id, view=lambda found: views.parameter(found, uow.principal))


def history(uow: UnitOfWork, key: str, query: ListQuery) -> dict[str, Any]:
    parameter = usecases.read(uow, key)
    statement = select(ParameterChange).where(ParameterChange.parameter_id == parameter.id)
    sorts = {"at": ParameterChange.at}
    return uow.page(statement, query, sorts=sorts, default_sort="-at", key=ParameterChange.id, view=lambda found: views.change(parameter.definition, found))
