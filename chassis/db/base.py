"""Declarative base: columns are plain (no relationships), enums are text, dicts and lists are JSONB."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import DateTime, Enum, Index, MetaData, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.db.folded import follow

# Names are promised: uq_<table>_<column> becomes {"code": "duplicate", "field": <column>}; of a key (folded.py) its source.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def _values(members: Any) -> list[str]:
    return [member.value for member in members]


@cache
def _metadata(package: str) -> MetaData:
    return MetaData(naming_convention=NAMING)


class Base(DeclarativeBase):
    """Tables of each service stand in a MetaData of their own: two services may both keep ``site_copies``, and the
    embedded suite imports all services into one process."""

    metadata = MetaData(naming_convention=NAMING)

    def __init_subclass__(cls, **options: Any) -> None:
        parts = cls.__module__.split(".")
        cls.metadata = _metadata(".".join(parts[: 2 if parts[0] == "services" else 1]))
        super().__init_subclass__(**options)
        follow(cls)

    type_annotation_map = {
        str: Text(),
        uuid.UUID: Uuid(),
        datetime: DateTime(timezone=True),
        Decimal: Numeric(18, 6),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
        list[dict[str, Any]]: JSONB(none_as_null=True),
        list[str]: JSONB(none_as_null=True),
        enum.Enum: Enum(enum.Enum, native_enum=False, create_constraint=False, length=32, values_callable=_values),
    }


class Scoped:
    """Mixin of what hangs on a site: row-level security compares org_path with the caller's scope."""

    org_path: Mapped[str] = mapped_column(Text(collation="C"), index=True, sort_order=80)


class ScopedChild:
    """Mixin of a row that is read by its parent's id alone: row-level security compares its path as well, and no index offers to find
    it by that, which would read all of a site's rows for one. Its index serves moves of units only (chassis/db/scopes.py):
    ``moved_with(table)``."""

    org_path: Mapped[str] = mapped_column(Text(collation="C"), sort_order=80)


def moved_with(table: str) -> Index:
    """The index over the path of a ``ScopedChild``; its operators are not those of row-level security."""
    return Index(f"ix_{table}_moves", "org_path", postgresql_ops={"org_path": "text_pattern_ops"})


class ReadCopy:
    """Mixin of a copy of another service's aggregate, kept by events (see UnitOfWork.copy)."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-10)
    sequence: Mapped[int] = mapped_column(sort_order=90)
