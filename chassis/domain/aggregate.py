"""What every aggregate has beside its fields: version, author and time (R-05), pending journal rows and events."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from chassis.domain.events import Published


@dataclass(frozen=True, slots=True)
class Journal:
    """One row of what happened: action, who, state before and after, why, and data for the reader of a timeline."""

    action: str
    by: str
    before: str | None = None
    after: str | None = None
    why: str | None = None
    data: dict[str, Any] | None = None


@dataclass(slots=True)
class Recorded:
    """What happened, with the members that only this verb has, and the aggregate's state after it. Their shape is the contract's,
    which checks them when they leave (chassis/events/schemas.py)."""

    verb: str
    more: dict[str, Any]
    state: dict[str, Any]


class Aggregate:
    """Mixin of mapped aggregate roots. The unit of work sets id, version, created_* and updated_*.

    What it publishes (``published``) goes out by itself as ``created`` or ``changed`` when it is saved and differs;
    ``record`` names what happened instead.
    """

    published: ClassVar[Published | None] = None

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
            if self.published is not None:
                self.__dict__["_published"] = self.published.of(self) if self.published.only(self) else None
            self.version += 1
            self.updated_at, self.updated_by = stamp

    def record(self, verb: str, **more: Any) -> None:
        """Announce what has just happened, with the state as it is now. Several in one transaction are told in this order,
        each with a version of its own."""
        if self.published is None:
            raise TypeError(f"{type(self).__name__} publishes nothing")
        self._touch()
        if self.__dict__.get("_recorded") and self.__dict__.get("version") is not None:
            self.version += 1
        self.__dict__["_recorded"] = self.__dict__.get("_recorded", 0) + 1
        self.__dict__.setdefault("_events", []).append(Recorded(verb, more, self.published.of(self)))

    @property
    def first_version(self) -> int:
        """Of a new one: a version for each of its events."""
        return max(1, self.__dict__.get("_recorded", 0))

    def announce_creation(self, wanted: bool) -> None:
        self.__dict__["_new"] = wanted

    def take_events(self) -> list[tuple[int, Recorded]]:
        """What is to be announced and was not taken yet, each with its sequence. The last carries what is stored."""
        known, new = self.__dict__, self.__dict__.pop("_new", False)
        if self.published is None or not (new or "_published" in known or "_events" in known):
            return []
        if not self.published.only(self):
            known.pop("_events", None)
            return []
        state = self.published.of(self)
        if "_events" not in known and (new or state != known["_published"]):
            self.record("created" if new else "changed")
        events: list[Recorded] = known.pop("_events", [])
        known["_published"] = state
        if events:
            events[-1].state = state
        first = self.version - len(events) + 1
        return list(enumerate(events, first))

    def journal(self, entry: Journal) -> None:
        self._touch()
        self.__dict__.setdefault("_journal", []).append(entry)


def new_id() -> uuid.UUID:
    """UUIDv7: sorts by time of creation."""
    return uuid7()
