"""Call log (调用日志, G-25): what a partner's system asked for, how it ended, how long it took.

A write is noted before it is sent on (status 0: no answer known) and completed before its answer leaves, so no write is
missing, whatever is killed when; if it cannot be noted, it is not done. Reads and dry runs change nothing: they are stored
together, up to a second later, and what was not stored yet is lost with a process that is killed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import new_id
from chassis.domain.errors import Unavailable
from chassis.domain.principal import Principal
from gateway.audit import Recorder

COLUMNS = (
    "id", "partner_id", "key_id", "at", "method", "path", "operation", "status", "duration_ms", "dry_run", "trace_id", "address",
    "org_path",
)  # fmt: skip


class PartnerCall(Base, Scoped):
    """One call. ``duration_ms``: until the answer began; null while ``status`` is 0."""

    __tablename__ = "partner_calls"
    __table_args__ = (
        Index(None, "partner_id", "at", "id"), Index(None, "at", "id"), Index(None, "operation", "at", "id"),
        Index(None, "address", "at", "id"), Index(None, "trace_id"),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[uuid.UUID]
    key_id: Mapped[uuid.UUID | None]
    at: Mapped[datetime]
    method: Mapped[str]
    path: Mapped[str]
    operation: Mapped[str]
    status: Mapped[int]
    duration_ms: Mapped[int | None]
    dry_run: Mapped[bool]
    trace_id: Mapped[str]
    address: Mapped[str]


@dataclass(frozen=True, slots=True)
class Noted:
    """A call as the recorder stores it."""

    sql: ClassVar[str] = f"INSERT INTO partner_calls ({', '.join(COLUMNS)}) VALUES %s ON CONFLICT (id) DO NOTHING"

    id: uuid.UUID
    partner_id: str
    key_id: str
    at: datetime
    method: str
    path: str
    operation: str
    status: int
    duration_ms: int | None
    dry_run: bool
    trace_id: str
    address: str
    org_path: str

    def values(self) -> tuple[Any, ...]:
        return tuple(str(value) if isinstance(value := getattr(self, name), uuid.UUID) else value for name in COLUMNS)

    def log_fields(self) -> dict[str, Any]:
        return {"call_id": str(self.id), "partner_id": self.partner_id, "operation": self.operation, "status": self.status}


@dataclass(frozen=True, slots=True)
class Answered:
    """How a call ended that was noted before."""

    sql: ClassVar[str] = (
        "UPDATE partner_calls AS c SET status = v.status, duration_ms = v.ms"
        " FROM (VALUES %s) AS v (id, status, ms) WHERE c.id = v.id::uuid"
    )

    id: uuid.UUID
    status: int
    duration_ms: int

    def values(self) -> tuple[Any, ...]:
        return str(self.id), self.status, self.duration_ms

    def log_fields(self) -> dict[str, Any]:
        return {"call_id": str(self.id), "status": self.status}


class Request(Protocol):
    method: str
    path: str
    address: str
    trace_id: str


class CallTrail:
    """Follows one call of a partner's system from its admission to its answer."""

    def __init__(
        self, recorder: Recorder, request: Request, operation: str, claims: Mapping[str, Any], principal: Principal, dry_run: bool
    ) -> None:
        self._recorder, self._began = recorder, time.monotonic()
        self._noted = Noted(
            id=new_id(),
            partner_id=principal.user_id,
            key_id=str(uuid.UUID(hex=claims["sid"])),
            at=datetime.now(UTC),
            method=request.method,
            path=request.path[:300].replace("\0", ""),
            operation=operation,
            status=0,
            duration_ms=None,
            dry_run=dry_run,
            trace_id=request.trace_id,
            address=request.address,
            org_path=principal.scope,
        )
        self._stored = self._ended = False

    async def begin(self) -> None:
        """Before a write is done. Unavailable when it cannot be written down."""
        self._stored = await self._recorder.record(self._noted)
        if not self._stored:
            raise Unavailable("the call log cannot be written")

    async def end(self, status: int) -> None:
        """Once. ``status`` 0: broken off unanswered."""
        if self._ended:
            return
        self._ended = True
        took = round((time.monotonic() - self._began) * 1000)
        if self._stored:
            if status:
                await self._recorder.record(Answered(self._noted.id, status, took))
            return
        names = (name for name in COLUMNS if name not in ("status", "duration_ms"))
        rest = {name: getattr(self._noted, name) for name in names}
        self._recorder.note(Noted(**rest, status=status, duration_ms=took if status else None))
