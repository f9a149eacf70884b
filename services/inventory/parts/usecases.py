"""What can be done with parts."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.inventory.parts.part import Part


def create(uow: UnitOfWork, number: str, name: str, unit: str, price: str) -> Part:
    """I-01. Raises Duplicate(field="number") when the number is taken."""
    part = Part.create(number, name, unit, Decimal(price))
    uow.add(part)
    return part


def change(
    uow: UnitOfWork, part_id: UUID, name: str | None = None, unit: str | None = None, price: str | None = None
) -> Part:
    """I-01. Quotes made before keep their price; the number never changes."""
    part = uow.get(Part, part_id)
    part.change(name, unit, None if price is None else Decimal(price))
    return part
