"""Bin (货位, I-08): a place within a store. Movements may name one; a trigger (migration 0015) derives what lies in it."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import key_of
from chassis.domain.aggregate import Aggregate
from services.inventory.kernel import Quantity
from services.inventory.stock.warehouse import Quality, Warehouse


class Bin(Base, Scoped, Aggregate):
    """``code`` is unique in its warehouse, and parts are taken from bins in its order. Cost is kept by warehouse."""

    __tablename__ = "bins"
    __table_args__ = (
        UniqueConstraint("warehouse_id", "code_key", name="uq_bins_code_key"),
        UniqueConstraint("id", "warehouse_id"),  # what a movement refers to: a bin of its warehouse
        Index(None, "code", "id"),
    )

    warehouse_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("warehouses.id"))
    code: Mapped[str]
    code_key: Mapped[str] = key_of("code", unique=False)
    name: Mapped[str]

    @classmethod
    def create(cls, warehouse: Warehouse, code: str, name: str) -> Bin:
        return cls(warehouse_id=warehouse.id, org_path=warehouse.org_path, code=code, name=name)

    def change(self, code: str | None = None, name: str | None = None) -> None:
        self.code, self.name = code or self.code, name or self.name


class BinStock(Base, Scoped):
    """How much of a part lies in a bin, and when it moved there last: the part's last bin is proposed for the next of it. Together no
    more than the stock row has on hand; the rest lies in the warehouse without a bin."""

    __tablename__ = "bin_stock"
    __table_args__ = (
        UniqueConstraint("bin_id", "part_id", "quality"),
        ForeignKeyConstraint(["bin_id", "warehouse_id"], ["bins.id", "bins.warehouse_id"]),
        CheckConstraint("on_hand >= 0", name="on_hand"),
        Index("ix_bin_stock_part_id", "part_id", "warehouse_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    bin_id: Mapped[uuid.UUID]
    warehouse_id: Mapped[uuid.UUID]
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"))
    quality: Mapped[Quality]
    on_hand: Mapped[Quantity]
    last_at: Mapped[datetime]
