"""Technician (技师): works at one site, may be linked to a user."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Sequence
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import searched
from chassis.domain.aggregate import Aggregate, new_id
from services.orders.kernel import apply
from services.orders.masters import events

SERIALS = Sequence("technician_serials")


class Technician(Base, Scoped, Aggregate):
    """``serial`` is a running number: together with the minutes it makes one range per appointment (see repairs)."""

    __tablename__ = "technicians"

    serial: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str]
    search_key: Mapped[str] = searched("name")
    site_id: Mapped[UUID] = mapped_column(index=True)
    username: Mapped[str | None] = mapped_column(index=True)
    active: Mapped[bool]

    @classmethod
    def create(cls, **fields: Any) -> Technician:
        technician = cls(id=new_id(), active=True, **fields)
        technician.record(events.TechnicianCreated(**technician._facts()))
        return technician

    def change(self, **fields: Any) -> None:
        if apply(self, fields):
            self.record(events.TechnicianChanged(**self._facts()))

    def _facts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("name", "site_id", "username", "active")}
