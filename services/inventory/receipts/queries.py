"""Lists of receipts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from services.inventory.receipts import views
from services.inventory.receipts.receipt import StockReceipt, StockReceiptLine

SORTS = {"number": StockReceipt.number, "posted_at": StockReceipt.posted_at}


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement = select(StockReceipt)
    for name in ("warehouse_id", "site_id", "number"):
        if name in query.filters:
            statement = statement.where(getattr(StockReceipt, name) == query.filters[name])
    if part_id := query.filters.get("part_id"):
        of_part = select(StockReceiptLine.receipt_id).where(StockReceiptLine.part_id == part_id)
        statement = statement.where(StockReceipt.id.in_(of_part))
    page = uow.page(
        statement,
        query,
        sorts=SORTS,
        default_sort="-posted_at",
        key=StockReceipt.id,
        view=lambda receipt: {"head": receipt},
    )
    found: list[StockReceipt] = [item["head"] for item in page["items"]]
    lines = lines_of(uow, [receipt.id for receipt in found])
    page["items"] = [views.receipt(receipt, lines.get(receipt.id, [])) for receipt in found]
    return page


def lines_of(uow: UnitOfWork, receipt_ids: Iterable[UUID]) -> dict[UUID, list[StockReceiptLine]]:
    """Lines in the order they were given, by receipt."""
    ids = list(receipt_ids)
    lines: dict[UUID, list[StockReceiptLine]] = {}
    order = [StockReceiptLine.receipt_id, StockReceiptLine.position]
    for line in (
        uow.find(StockReceiptLine, receipt_id=ids, order_by=order) if ids else ()
    ):
        lines.setdefault(line.receipt_id, []).append(line)
    return lines
