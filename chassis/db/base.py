"""Declarative base: columns are plain (no relationships), enums are text, dicts and lists are JSONB."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import DateTime, Enum, ForeignKeyConstraint, Index, MetaData, Numeric, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.db.folded import follow
from chassis.domain import custody
from chassis.domain.custody import Side
from chassis.domain.errors import DomainError, HeldElsewhere, OwnedElsewhere
from chassis.domain.principal import Principal

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


GUARDED = {"guarded": True}
"""``info`` of columns that only functions with the owner's rights write (chassis/db/custody.py)."""


class Held:
    """Mixin of a document about a thing that may lie at another site than the document's own: whose it is (``org_path``), who has the
    thing (``held_…``, null: its own site) and, while it is on the road, who shall receive it (``bound_…``). Row-level security shows it
    to all three. A new document says where it is; from then on the unit of work lets ``move_custody`` write what is set here."""

    org_path: Mapped[str] = mapped_column(Text(collation="C"), index=True, sort_order=80, info=GUARDED)
    held_site_id: Mapped[uuid.UUID | None] = mapped_column(sort_order=80, info=GUARDED)
    held_path: Mapped[str | None] = mapped_column(Text(collation="C"), sort_order=80, info=GUARDED)
    bound_site_id: Mapped[uuid.UUID | None] = mapped_column(sort_order=80, info=GUARDED)
    bound_path: Mapped[str | None] = mapped_column(Text(collation="C"), sort_order=80, info=GUARDED)

    @property
    def reader(self) -> Principal | None:
        """Who has loaded it to move it: moves say on which side he must stand. It is set in ``__dict__``, which changes nothing of it."""
        return self.__dict__.get("reader")

    def sides(self, principal: Principal) -> frozenset[Side]:
        """Where the principal stands; moves say where one has to (``Move.by``)."""
        return custody.sides(self, principal)

    def elsewhere(self, missing: frozenset[StrEnum]) -> DomainError:
        """What a move is refused with to who stands elsewhere."""
        return OwnedElsewhere() if Side.OWNER in missing else HeldElsewhere()


def whose(parent: str, child: str, column: str) -> ForeignKeyConstraint:
    """Binds the rows of ``child`` to a ``Held`` document with its path, so that none is put on a document of others as one's own; they
    are seen where it is (chassis/db/custody.py)."""
    return ForeignKeyConstraint(
        [column, "org_path"], [f"{parent}.id", f"{parent}.org_path"], name=f"fk_{child}_whose", deferrable=True
    )


def held(table: str) -> tuple[Index, ...]:
    """The indexes by which ``table``, a ``Held`` one, is seen by whom its own path does not lead to, and moves with a unit of theirs."""
    return tuple(Index(f"ix_{table}_{name}", name, postgresql_where=text(f"{name} IS NOT NULL")) for name in ("held_path", "bound_path"))


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
