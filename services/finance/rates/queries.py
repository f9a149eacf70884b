"""Lists of labour rates."""

from typing import Any

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from services.finance.rates import views
from services.finance.rates.labour_rate import LabourRate

SORTS = {
    "code": LabourRate.code,
    "name": LabourRate.name,
    "hourly_rate": LabourRate.hourly_rate,
    "created_at": LabourRate.created_at,
}


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement = select(LabourRate)
    if "code" in query.filters:
        statement = statement.where(LabourRate.code == query.filters["code"])
    return uow.page(
        statement, query, sorts=SORTS, default_sort="code", key=LabourRate.id, view=views.labour_rate
    )
