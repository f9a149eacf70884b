"""Read copies that requisitions need: who may take parts, and what the company sets."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, ReadCopy, Scoped


class TechnicianCopy(Base, Scoped, ReadCopy):
    """Technician (技师) of orders: whoever takes parts for a work order, or for the workshop."""

    __tablename__ = "technician_copies"

    name: Mapped[str]
    site_id: Mapped[uuid.UUID]
    active: Mapped[bool]


class ParameterCopy(Base, ReadCopy):
    """Parameter (系统参数) of the gateway, of those that are read here."""

    __tablename__ = "parameter_copies"

    key: Mapped[str] = mapped_column(unique=True)
    value: Mapped[Any] = mapped_column(JSONB(none_as_null=True))
