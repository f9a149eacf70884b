"""Read copy of the gateway's parameters, with what holds until one arrives."""

from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, ReadCopy

DEFAULTS: dict[str, Any] = {"revisit.after_days": 3, "phone.region": "CN", "customers.scope": "served"}


class Parameter(Base, ReadCopy):
    __tablename__ = "parameter_copies"

    key: Mapped[str] = mapped_column(unique=True)
    value: Mapped[Any] = mapped_column(JSONB(none_as_null=True))
