"""Lists of labour rates."""

from typing import Any

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery
from chassis.db.uow import UnitOfWork
from services.finance.rates import views
from services.finance.rates.labour_rate import LabourRate

_LISTING = Listing(
    select(LabourRate), default_sort="code",
    key=LabourRate.id, equal={"code": LabourRate.code_key},
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _LISTING.page(uow, query, views.labour_rate)
