"""A service's application called without a port between, and the statements it sends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from bench.plans import Seen
from chassis.db import statements


@dataclass
class Asked:
    """``bearer`` makes a token for a data scope."""

    app: Any
    bearer: Callable[[str], str]
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine, _ = self.app.runtime.engine, self.app.runtime.verifier  # made now, from the settings of this moment
        event.listen(self.engine, "before_cursor_execute", self._before)
        event.listen(self.engine, "after_cursor_execute", self._after)
        self._run = statements.run
        statements.run = self._watched(statements.run)

    def _before(self, _connection: Any, _cursor: Any, _sent: str, parameters: Any, context: Any, _many: bool) -> None:
        # As it was written: without what opens the transaction in front of it, and not by the name the server keeps it under.
        context.asked = (context.statement, parameters, time.perf_counter())

    def _after(self, _connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        statement, parameters, began = context.asked
        if not statement.startswith(("COMMIT", "ROLLBACK")):
            self.seen.append(Seen(statement, parameters, time.perf_counter() - began))

    def close(self) -> None:
        statements.run = self._run

    def _watched(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """What goes past SQLAlchemy's execution is seen too."""

        def watched(connection: Any, sql: str, values: Any = (), *cache: Any) -> Any:
            began = time.perf_counter()
            cursor = run(connection, sql, values, *cache)
            if connection.engine is self.engine and not sql.startswith(("COMMIT", "ROLLBACK")):
                self.seen.append(Seen(sql, values, time.perf_counter() - began))
            return cursor

        return watched

    def get(self, target: str, scope: str) -> tuple[int, Any, float]:
        """Status, JSON and seconds of one GET."""
        path, _, query = target.partition("?")
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {self.bearer(scope)}".encode())]
        request = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
                   "headers": headers, "http_version": "1.1", "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1)}
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        began = time.perf_counter()
        asyncio.run(self.app(request, receive, send))
        seconds = time.perf_counter() - began
        return sent[0]["status"], json.loads(b"".join(m.get("body", b"") for m in sent[1:]) or b"null"), seconds
