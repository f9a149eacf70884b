"""Lists of receipts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from services.inventory.receipts import views
from services.inventory.receipts.receipt import StockReceipt, StockReceiptLine

_LISTING = Listing(
    select(StockReceipt), default_sort="-posted_at", key=StockReceipt.id,
    equal=members(StockReceipt, "warehouse_id", "site_id", "number"),
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    where = []
    if "part_id" in query.filters:
        of_part = select(StockReceiptLine.receipt_id).where(StockReceiptLine.part_id == query.filters["part_id"])
        where.append(StockReceipt.id.in_(of_part))
    page = _LISTING.page(uow, query, lambda receipt: {"head": receipt}, *where)
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
