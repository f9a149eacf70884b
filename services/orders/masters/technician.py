"""Technician (技师): works at one site, may be linked to a user."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Sequence
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import searched
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.events import Published
from services.orders.kernel import apply

SERIALS = Sequence("technician_serials")


class Technician(Base, Scoped, Aggregate):
    """``serial`` is a running number: together with the minutes it makes one range per appointment (see repairs)."""

    published = Published("aftersales.orders.technician.v1", "name", "site_id", "username", "active")
    __tablename__ = "technicians"

    serial: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str]
    search_key: Mapped[str] = searched("name")
    site_id: Mapped[UUID] = mapped_column(index=True)
    username: Mapped[str | None] = mapped_column(index=True)
    active: Mapped[bool]

    @classmethod
    def create(cls, **fields: Any) -> Technician:
        return cls(id=new_id(), active=True, **fields)

    def change(self, **fields: Any) -> None:
        apply(self, fields)
