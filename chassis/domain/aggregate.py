"""What every aggregate has beside its fields: version, author and time (R-05), pending journal rows and its one event."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7


@dataclass(frozen=True, slots=True)
class Journal:
    """One row of what happened: action, who, state before and after, why, and data for the reader of a timeline."""

    action: str
    by: str
    before: str | None = None
    after: str | None = None
    why: str | None = None
    data: dict[str, Any] | None = None


class Aggregate:
    """Mixin of mapped aggregate roots. The unit of work sets id, version, created_* and updated_*."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-10)
    version: Mapped[int] = mapped_column(sort_order=90)
    created_at: Mapped[datetime] = mapped_column(sort_order=91)
    created_by: Mapped[str] = mapped_column(sort_order=91)
    updated_at: Mapped[datetime] = mapped_column(sort_order=91)
    updated_by: Mapped[str] = mapped_column(sort_order=91)

    def __setattr__(self, name: str, value: Any) -> None:
        # The first change after loading raises the version and sets the author, so that a view made before the commit
        # shows what will be stored.
        if self.__dict__.get("_stamp") is not None and self.__dict__.get(name) != value:
            self._touch()
        super().__setattr__(name, value)

    def _touch(self) -> None:
        stamp = self.__dict__.pop("_stamp", None)
        if stamp is not None:
            self.version += 1
            self.updated_at, self.updated_by = stamp

    def record(self, event: object) -> None:
        """Announce a fact. One event per aggregate and transaction: its sequence is the aggregate's new version, so
        two in one transaction could not be told apart by a reader that drops stale sequences."""
        self._touch()
        pending = self.__dict__.setdefault("_events", [])
        if pending:
            raise RuntimeError(f"{type(self).__name__} records a second event in one transaction")
        pending.append(event)

    def journal(self, entry: Journal) -> None:
        self._touch()
        self.__dict__.setdefault("_journal", []).append(entry)


def new_id() -> uuid.UUID:
    """UUIDv7: sorts by time of creation."""
    return uuid7()
