"""Lists of parameters and of their changes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery
from chassis.db.uow import UnitOfWork
from gateway.settings import usecases, views
from gateway.settings.catalogue import catalogue
from gateway.settings.parameter import Parameter, ParameterChange

_PARAMETERS = Listing(select(Parameter), default_sort="key", key=Parameter.id)
_CHANGES = Listing(select(ParameterChange), default_sort="-at", key=ParameterChange.id)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    known = Parameter.key.in_(list(catalogue()))
    return _PARAMETERS.page(uow, query, lambda found: views.parameter(found, uow.principal), known)


def history(uow: UnitOfWork, key: str, query: ListQuery) -> dict[str, Any]:
    parameter = usecases.read(uow, key)
    own = ParameterChange.parameter_id == parameter.id
    return _CHANGES.page(uow, query, lambda found: views.change(parameter.definition, found), own)
