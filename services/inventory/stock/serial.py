"""Serial (序列号, I-22): one row per piece of a part that is tracked by serial number, so a piece is at exactly one place.

Rows change through movements only: a movement of such a part names its piece, and a trigger (migration 0015) moves it. The
service's own role adds new pieces, the supplier's, and may change none.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, or_
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import key_of
from chassis.domain import folding
from services.inventory.stock.warehouse import Quality


class Whereabouts(StrEnum):
    """Kinds of places; ``place_id`` is the warehouse's, the work order's, … . A new piece is its supplier's, whom nobody knows yet."""

    WAREHOUSE = "warehouse"
    TRANSIT = "transit"
    ORDER = "order"
    CUSTOMER = "customer"
    SUPPLIER = "supplier"
    LOANER = "loaner"


class Serial(Base, Scoped):
    """``warehouse_id``, ``bin_id`` and ``quality`` say where it lies, or lay last: what is taken back goes there."""

    __tablename__ = "serials"
    __table_args__ = (
        UniqueConstraint("part_id", "number_key"),
        CheckConstraint("place NOT IN ('warehouse', 'transit') OR (place_id = warehouse_id AND quality IS NOT NULL)", name="lies"),
        Index("ix_serials_place_id", "place_id", "part_id", "quality"),
        *(Index(None, name, "id") for name in ("number", "number_key", "moved_at")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"))
    number: Mapped[str]
    number_key: Mapped[str] = key_of("number", folding.identifier, unique=False)
    place: Mapped[Whereabouts] = mapped_column(server_default=Whereabouts.SUPPLIER.value)
    place_id: Mapped[uuid.UUID | None]
    warehouse_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("warehouses.id"))
    bin_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bins.id"))
    quality: Mapped[Quality | None]
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now())


LIES = or_(Serial.place == Whereabouts.WAREHOUSE, Serial.place == Whereabouts.TRANSIT)
"""In a warehouse, or on the road."""


@dataclass(slots=True)
class Piece:
    """A serial in memory, moved as its movements will move it."""

    id: uuid.UUID
    part_id: uuid.UUID
    number: str
    place: Whereabouts = Whereabouts.SUPPLIER
    place_id: uuid.UUID | None = None
    warehouse_id: uuid.UUID | None = None
    bin_id: uuid.UUID | None = None
    quality: Quality | None = None
    moved_at: datetime | None = None

    @property
    def lies(self) -> bool:
        """In a warehouse, or on the road."""
        return self.place in (Whereabouts.WAREHOUSE, Whereabouts.TRANSIT)

    def shown(self) -> dict[str, str]:
        """As a refusal names it."""
        return {"part_id": str(self.part_id), "serial_number": self.number, "place": self.place.value}


def repeated(numbers: Sequence[str]) -> int | None:
    """Index of the first number that stands there already, however it is written; None when all differ."""
    keys = [folding.identifier(number) for number in numbers]
    return next((index for index, key in enumerate(keys) if key in keys[:index]), None)
