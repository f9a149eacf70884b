"""Installed device (产品档案, O-15): one piece of a product at a customer, with its warranty term. Company-wide."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Index, UniqueConstraint, or_
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import begins_with, key_of, searched
from chassis.domain import folding
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.events import Published
from services.orders.devices.warranty import Stay, Term
from services.orders.kernel import apply


class Device(Base, Aggregate):
    """``warranty_months`` is the product's term when the device was registered: what was promised with the sale.
    ``stays`` are its in-warranty repairs as ``{number, from, to}``, which lengthen the term."""

    published = Published(
        "aftersales.orders.device.v1", "product_id", "customer_id", "serial_number", "purchased_on", "warranty_ends_on"
    )
    __tablename__ = "devices"

    product_id: Mapped[UUID] = mapped_column(index=True)
    customer_id: Mapped[UUID | None] = mapped_column(index=True)
    serial_number: Mapped[str | None]
    serial_key: Mapped[str | None] = key_of("serial_number", folding.identifier, unique=False)
    serial_end: Mapped[str | None] = searched("serial_number", fold=folding.words_from_the_end)
    """The serial number backwards, so that its last characters find it."""
    purchased_on: Mapped[date | None]
    warranty_months: Mapped[int]
    stays: Mapped[list[dict[str, Any]]]
    warranty_ends_on: Mapped[date | None]

    __table_args__ = (
        UniqueConstraint("product_id", "serial_key", name="uq_devices_serial_number"),
        Index("ix_devices_serial_key", "serial_key", "id"),
        Index("ix_devices_serial_end", "serial_end", "id"),
        Index("ix_devices_created_at", "created_at", "id"),
    )

    @classmethod
    def create(
        cls,
        product_id: UUID,
        warranty_months: int,
        customer_id: UUID | None = None,
        serial_number: str | None = None,
        purchased_on: date | None = None,
    ) -> Device:
        device = cls(id=new_id(), product_id=product_id, customer_id=customer_id, serial_number=serial_number)
        device.purchased_on, device.warranty_months, device.stays = purchased_on, warranty_months, []
        device.warranty_ends_on = device.term.ends_on
        return device

    @property
    def term(self) -> Term:
        return Term(self.purchased_on, self.warranty_months, tuple(Stay.read(stay) for stay in self.stays))

    def change(self, **fields: Any) -> None:
        """New owner, serial number or purchase date."""
        if apply(self, fields):
            self._settle()

    def add_stay(self, stay: Stay) -> None:
        """An in-warranty repair ended: its days are added to the term, each once."""
        if stay.days > 0 and all(known["number"] != stay.number for known in self.stays):
            self.stays = [*self.stays, stay.as_line()]
            self._settle()

    def _settle(self) -> None:
        self.warranty_ends_on = self.term.ends_on


SHORTEST_END = 4
"""Characters from which on a serial number is found by its end: fewer are at the end of too many."""


def of_serial(typed: str) -> ColumnElement[bool]:
    """Devices whose serial number begins or ends so, however either is written; one index serves each."""
    begins, end = begins_with(Device.serial_key, folding.identifier(typed)), folding.words_from_the_end(typed)
    return begins if len(end) < SHORTEST_END else or_(begins, begins_with(Device.serial_end, end))
