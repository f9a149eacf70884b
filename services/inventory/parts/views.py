"""Parts as the API shows them."""

from __future__ import annotations

from typing import Any

from chassis.domain.money import rate_number
from chassis.http.views import stamps
from services.inventory.kernel import DEFAULT_CURRENCY
from services.inventory.parts.part import Part


def part(part: Part) -> dict[str, Any]:
    return {
        "id": part.id,
        "number": part.number,
        "name": part.name,
        "unit": part.unit,
        "currency": DEFAULT_CURRENCY,
        "price": part.price,
        "tax_rate": rate_number(part.tax_rate),
        "serial_tracked": part.serial_tracked,
        **stamps(part),
    }
