"""Which pieces come back (I-22, I-51): a part that is tracked by serial number returns by number, as many as its quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.domain import folding
from chassis.domain.errors import DuplicateLine
from services.orders.kernel import quantity
from services.orders.repairs.errors import OverReturn, SerialCount


def pieces(lines: Sequence[dict[str, Any]], out: Mapping[str, Mapping[str, str]]) -> list[list[str] | None]:
    """Of each line {part_id, quantity[, serial_numbers]} the numbers as the store has them, None of a part that is not tracked. ``out``:
    numbers that are out, by part and key. SerialCount, DuplicateLine, and OverReturn with those that are not out."""
    found: list[list[str] | None] = []
    seen: set[tuple[str, str]] = set()
    for index, line in enumerate(lines):
        part_id, given = line["part_id"], line.get("serial_numbers", [])
        if len(given) != (quantity(line["quantity"]) if part_id in out else 0):
            raise SerialCount(field=f"lines.{index}.serial_numbers")
        keys = [(part_id, folding.identifier(text)) for text in given]
        for place, key in enumerate(keys):
            if key in seen:
                raise DuplicateLine(f"lines.{index}.serial_numbers.{place}")
            seen.add(key)
        if wrong := [text for text, (_, key) in zip(given, keys, strict=True) if key not in out[part_id]]:
            raise OverReturn(parts=[{"part_id": part_id, "quantity": len(out[part_id]), "serial_numbers": wrong}]).waiting()
        found.append([out[part_id][key] for _, key in keys] if part_id in out else None)
    return found
