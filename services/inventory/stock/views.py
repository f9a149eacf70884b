"""Warehouses, stock and movements as the API shows them."""

from __future__ import annotations

from typing import Any

from chassis.domain.money import money
from chassis.http.views import stamps
from services.inventory.kernel import number
from services.inventory.stock.serial import Whereabouts
from services.inventory.stock.warehouse import Warehouse


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


def stock(row: Any) -> dict[str, Any]:
    """A row of ``queries.stock``."""
    return {
        "part_id": row.part_id,
        "part_number": row.part_number,
        "part_name": row.part_name,
        "unit": row.unit,
        "warehouse_id": row.warehouse_id,
        "warehouse_code": row.warehouse_code,
        "warehouse_kind": row.warehouse_kind,
        "quality": row.quality,
        "site_id": row.site_id,
        "on_hand": number(row.on_hand),
        "reserved": number(row.reserved),
        "available": number(row.on_hand - row.reserved),
    }


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
        "actor": row.actor,
    }


def serial(row: Any) -> dict[str, Any]:
    """A row of ``queries.serials``. Of what is nowhere here, warehouse and quality are null."""
    lies = row.place in (Whereabouts.WAREHOUSE, Whereabouts.TRANSIT)
    return {
        "id": row.id,
        "part_id": row.part_id,
        "part_number": row.part_number,
        "part_name": row.part_name,
        "number": row.number,
        "place": row.place,
        "warehouse_id": row.warehouse_id if lies else None,
        "warehouse_code": row.warehouse_code,
        "quality": row.quality if lies else None,
        "work_order_id": row.place_id if row.place == Whereabouts.ORDER else None,
        "moved_at": row.moved_at,
    }
