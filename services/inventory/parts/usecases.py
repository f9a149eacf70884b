"""What can be done with parts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.inventory.parts.part import Part


def create(uow: UnitOfWork, **fields: Any) -> Part:
    """I-01. Raises Duplicate(field="number") when the number is taken."""
    part = Part.create(**fields)
    uow.add(part)
    return part


def change(uow: UnitOfWork, part_id: UUID, **fields: Any) -> Part:
    """I-01. Quotes made before keep their price; the number never changes. PartHasMovements."""
    part = uow.get(Part, part_id)
    part.change(**fields)
    return part
