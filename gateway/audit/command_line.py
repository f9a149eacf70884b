"""What was done on the machine itself, beside the API, stands in the audit log too (G-19)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from gateway.audit.recorder import COLUMNS, Entry
from gateway.audit.trail import NOBODY

_INSERT = text(Entry.sql.replace("%s", f"({', '.join(f':{name}' for name in COLUMNS)})"))
ADDRESS = "command line"


def note(uow: UnitOfWork, command: str, content: dict[str, Any]) -> None:
    """In the transaction of what was done: stored with it, or neither is."""
    entry = Entry(
        at=uow.now, username=uow.actor, acting_for=None, address=ADDRESS, method="CLI", path=f"./aftersales {command}",
        operation=f"gateway.{command}", status=200, trace_id="", content=content, org_path=NOBODY,
    )  # fmt: skip
    uow.execute(_INSERT, dict(zip(COLUMNS, entry.values(), strict=True)))
