"""Requisitions and shortages as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from chassis.domain.principal import Principal
from chassis.http.views import stamps
from services.inventory.kernel import number
from services.inventory.requisitions.requisition import MACHINE, Requisition, State

AMOUNTS = ("needed", "reserved", "issued", "returned", "short", "held")


def requisition(requisition: Requisition, lines: Iterable[Any], moved: Iterable[UUID], principal: Principal) -> dict[str, Any]:
    """``lines``: rows of ``queries.lines_of``; ``moved``: ids of its movements, oldest first."""
    shown = [_line(line) for line in lines]
    asked = requisition.state != State.DRAFT  # before, there is nothing of which all could be there
    return {
        "id": requisition.id,
        "number": requisition.number,
        "type": requisition.type,
        "planned": requisition.planned,
        "work_order_id": requisition.work_order_id,
        "work_order_number": requisition.work_order_number,
        "site_id": requisition.site_id,
        "held_site_id": requisition.held_site_id,
        "bound_site_id": requisition.bound_site_id,
        "technician_id": requisition.technician_id,
        "state": requisition.state,
        "allowed_actions": MACHINE.allowed(requisition, principal),
        "quote_version": requisition.quote_version,
        "promised_at": requisition.promised_at,
        "applied_at": requisition.applied_at,
        "remark": requisition.remark,
        "reason": requisition.reason,
        "reserved_all": asked and not any(line["short"] for line in shown),
        "issued_all": asked and all(line["issued"] - line["returned"] >= line["needed"] for line in shown),
        "lines": shown,
        "movement_ids": list(moved),
        **stamps(requisition),
    }


def _line(row: Any) -> dict[str, Any]:
    return {
        "part_id": row.part_id,
        "part_number": row.part_number,
        "part_name": row.part_name,
        "unit": row.unit,
        "quantity": number(row.asked),
        **{name: number(getattr(row, name)) for name in AMOUNTS},
        "short_since": row.short_since,
        "held_until": row.held_until,
        "serial_numbers": row.serial_numbers,
    }


def shortage(row: Any) -> dict[str, Any]:
    """A row of ``queries.shortages``."""
    return {
        "id": row.id,
        "requisition_id": row.requisition_id,
        "requisition_number": row.requisition_number,
        "work_order_id": row.work_order_id,
        "work_order_number": row.work_order_number,
        "site_id": row.site_id,
        "part_id": row.part_id,
        "part_number": row.part_number,
        "part_name": row.part_name,
        "needed": number(row.needed),
        "short": number(row.short),
        "promised_at": row.promised_at,
        "short_since": row.short_since,
        "age_days": row.age.days,
    }
