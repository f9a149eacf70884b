"""Warehouses, stock and movements as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from chassis.domain.money import money
from chassis.http.views import stamps
from services.inventory.kernel import number
from services.inventory.stock.warehouse import Warehouse

AMOUNTS = ("on_hand", "reserved", "available", "in_transit")


def warehouse(warehouse: Warehouse) -> dict[str, Any]:
    return {
        "id": warehouse.id,
        "code": warehouse.code,
        "name": warehouse.name,
        "site_id": warehouse.site_id,
        "kind": warehouse.kind,
        "quality": warehouse.quality,
        **stamps(warehouse),
    }


def bin(row: Any) -> dict[str, Any]:
    """A row of ``queries.bins``; ``on_hand`` and ``last_at`` of the part that was asked for."""
    return {
        "id": row.id,
        "warehouse_id": row.warehouse_id,
        "warehouse_code": row.warehouse_code,
        "code": row.code,
        "name": row.name,
        "on_hand": _amount(row.on_hand),
        "last_at": row.last_at,
        **stamps(row),
    }


def stock(row: Any, names: Iterable[str]) -> dict[str, Any]:
    """A row of ``balances.stock``, whose columns have these names."""
    found = {name: getattr(row, name) for name in names}
    return {name: _amount(value) if name in AMOUNTS else value for name, value in found.items()}


def _amount(value: Decimal | None) -> int | float | None:
    return None if value is None else number(value)


def movement(row: Any) -> dict[str, Any]:
    """A row of ``queries.movements``. ``unit_cost`` has 4 places, the value is told to the cent."""
    return {
        "id": row.id,
        "at": row.at,
        "kind": row.kind,
        "part_id": row.part_id,
        "part_number": row.part_number,
        "part_name": row.part_name,
        "warehouse_id": row.warehouse_id,
        "warehouse_code": row.warehouse_code,
        "quality": row.quality,
        "quantity": number(row.quantity),
        "unit_cost": f"{row.unit_cost:.4f}",
        "value": money(row.value),
        "document_type": row.document_type,
        "document_id": row.document_id,
        "work_order_id": row.work_order_id,
        "serial_id": row.serial_id,
        "serial_number": row.serial_number,
        "bin_id": row.bin_id,
        "actor": row.actor,
    }


def serial(row: Any) -> dict[str, Any]:
    """A row of ``queries.serials``. Of what does not lie in a warehouse, that and bin and quality are null."""
    names = ("id", "part_id", "part_number", "part_name", "number", "place", "warehouse_id", "warehouse_code", "bin_id", "quality", "work_order_id", "moved_at")
    return {name: getattr(row, name) for name in names}
