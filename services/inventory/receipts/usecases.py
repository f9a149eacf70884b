"""What can be done with receipts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import DuplicateLine, UnknownReference
from chassis.domain.money import ZERO, bounded
from services.inventory.kernel import local_day, quantity
from services.inventory.parts import Part
from services.inventory.receipts.receipt import StockReceipt, StockReceiptLine, blank
from services.inventory.requisitions import serve
from services.inventory.stock import Warehouse, lock_site, open_store

NUMBERED = "stock_receipt"


def post(
    uow: UnitOfWork, warehouse_id: str, lines: Sequence[dict[str, Any]]
) -> tuple[StockReceipt, list[StockReceiptLine]]:
    """Parts come in, and the oldest promises waiting for them are served in the same transaction (I-21, I-60).

    Raises DuplicateLine, UnknownReference, AmountTooLarge; nothing is posted then.
    """
    part_ids = _part_ids(uow, lines)
    warehouse = uow.one(Warehouse, id=UUID(warehouse_id))
    site = lock_site(uow, warehouse.site_id) if warehouse else None
    if warehouse is None or site is None or warehouse.quality is None:
        raise UnknownReference("warehouse_id")
    store = open_store(uow, site, part_ids)
    receipt = blank(warehouse.id, site.id, warehouse.org_path, uow.now)
    posted = [
        StockReceiptLine.receive(
            receipt, position, part_id, quantity(line["quantity"]), Decimal(line["unit_cost"]), store
        )
        for position, (part_id, line) in enumerate(zip(part_ids, lines, strict=True), 1)
    ]
    receipt.total = bounded(sum((line.value for line in posted), ZERO), "lines")
    uow.add(receipt)
    uow.add_all(posted)
    serve(uow, store)
    receipt.post(uow.number(NUMBERED, local_day(uow.now, site.time_zone)), posted)
    return receipt, posted


def _part_ids(uow: UnitOfWork, lines: Sequence[dict[str, Any]]) -> list[UUID]:
    """Ids of the lines' parts: all known, none twice."""
    part_ids: list[UUID] = []
    for index, line in enumerate(lines):
        part_id = UUID(line["part_id"])
        if part_id in part_ids:
            raise DuplicateLine(f"lines.{index}.part_id")
        part_ids.append(part_id)
    known = {part.id for part in uow.find(Part, Part.id.in_(part_ids))}
    for index, part_id in enumerate(part_ids):
        if part_id not in known:
            raise UnknownReference(f"lines.{index}.part_id")
    return part_ids
