"""Parameter (系统参数, G-16): a typed value of the whole company, its history, and the news of it to the services."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.domain.aggregate import Aggregate
from chassis.domain.errors import ValidationFailed
from chassis.domain.events import Published
from gateway.settings.catalogue import Definition, definitions


class Parameter(Base, Aggregate):
    """``held`` wraps the value, so that every JSON value can be stored alike. ``shipped``: nobody set it here, so a
    release may bring another default."""

    published = Published("aftersales.gateway.parameter.v1", "key", "value", only=lambda it: not it.definition.secret)
    __tablename__ = "parameters"

    key: Mapped[str] = mapped_column(unique=True)
    held: Mapped[dict[str, Any]]
    shipped: Mapped[bool]

    @classmethod
    def ship(cls, definition: Definition, value: Any) -> Parameter:
        parameter = cls(key=definition.key, held={"value": value}, shipped=True)
        parameter.record("changed")
        return parameter

    @property
    def value(self) -> Any:
        return self.held["value"]

    @property
    def definition(self) -> Definition:
        return definitions()[self.key]

    def set(self, value: Any) -> bool:
        """Takes a value that fits type and range, else ValidationFailed. False when it is the value already."""
        refused = self.definition.refusals(value)
        if refused:
            raise ValidationFailed(refused)
        self.shipped = False
        return self._take(value)

    def ship_again(self, default: Any) -> bool:
        """A release brings its default; what was set here stays."""
        return self.shipped and self._take(default)

    def _take(self, value: Any) -> bool:
        if value == self.value:
            return False
        self.held = {"value": value}
        return True


class ParameterChange(Base):
    """Who set which value when. Append-only."""

    __tablename__ = "parameter_changes"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    parameter_id: Mapped[uuid.UUID] = mapped_column(index=True)
    at: Mapped[datetime]
    author: Mapped[str]
    before: Mapped[dict[str, Any]] = mapped_column(JSONB)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Claim(Base):
    """Which parameter a claimed value belongs to, for ever. Append-only."""

    __tablename__ = "parameter_claims"

    value: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
