"""Supply (供料): one row per work order, which sums its requisitions. It is what other services are told, and what their gates read."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Held, held
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published


class AnnouncedLine(TypedDict):
    """Quantities as JSON numbers; the serial numbers that are out where the part is tracked by them, else nothing of it."""

    part_id: str
    needed: int | float
    reserved: int | float
    issued: int | float
    returned: int | float
    serial_numbers: NotRequired[list[str]]


class Draft(TypedDict):
    """A requisition made by hand that nobody has applied for yet: it holds up the order's completion (O-94)."""

    id: str
    type: str


class Announced(TypedDict):
    """What its event tells, but for the order's id (contracts/inventory/events/requisition.v1.json): sums over the requisitions that draw on
    the order's quote."""

    quote_version: int | None
    reserved_all: bool
    issued_all: bool
    issued_any: bool
    cancelled: bool
    lines: list[AnnouncedLine]
    drafts: list[Draft]
    summary: str


def _announced(name: str) -> Callable[[Any], Any]:
    return lambda supply: supply.announced[name]


class Supply(Base, Held, Aggregate):
    """``id`` is that of the order's planned requisition, ``site_id`` the order's own site. ``sequence`` is the version of the work order it follows, ``quote_version`` the approved
    quote, ``cancelled`` that the order is, or shall be; ``posted_returns`` the ids of returns already posted, ``announced`` what was last announced."""

    published = Published(
        "aftersales.inventory.requisition.v1",
        "work_order_id",
        only=lambda supply: supply.announced is not None,
        **{name: _announced(name) for name in Announced.__annotations__},
    )
    __tablename__ = "supplies"
    __table_args__ = held("supplies")

    work_order_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    work_order_number: Mapped[str]
    site_id: Mapped[uuid.UUID]
    technician_id: Mapped[uuid.UUID | None]
    sequence: Mapped[int]
    quote_version: Mapped[int | None]
    repaired: Mapped[bool]
    cancelled: Mapped[bool]
    promised_at: Mapped[datetime | None]
    posted_returns: Mapped[list[str]]
    announced: Mapped[Announced | None] = mapped_column(JSONB(none_as_null=True))

    @property
    def place(self) -> uuid.UUID:
        """The site whose store serves the order: that which has its device (O-101)."""
        return self.held_site_id or self.site_id
