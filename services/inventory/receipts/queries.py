"""Lists of receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from services.inventory.receipts import views
from services.inventory.receipts.receipt import StockReceipt, StockReceiptLine
from services.inventory.stock import movements_of

_LISTING = Listing(
    select(StockReceipt), default_sort="-posted_at", key=StockReceipt.id,
    equal=members(StockReceipt, "warehouse_id", "site_id", "number", "state"),
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    where = []
    if "part_id" in query.filters:
        of_part = select(StockReceiptLine.receipt_id).where(StockReceiptLine.part_id == query.filters["part_id"])
        where.append(StockReceipt.id.in_(of_part))
    page = _LISTING.page(uow, query, lambda receipt: {"head": receipt}, *where)
    page["items"] = shown(uow, [item["head"] for item in page["items"]])
    return page


def shown(uow: UnitOfWork, receipts: Sequence[StockReceipt]) -> list[dict[str, Any]]:
    """Whole documents, with their lines and the movements made for them."""
    ids = [receipt.id for receipt in receipts]
    lines, moved = lines_of(uow, ids), movements_of(uow, ids)
    return [views.receipt(receipt, lines.get(receipt.id, []), moved.get(receipt.id, []), uow.principal) for receipt in receipts]


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
