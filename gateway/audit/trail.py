"""Follows one write from its admission to its answer and writes it down (G-19)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from chassis.domain.principal import HEADQUARTERS, Principal
from gateway import settings
from gateway.audit.recorder import Entry, Recorder
from gateway.audit.summary import READ_AT_MOST, summary
from gateway.routing import Route

NOBODY = HEADQUARTERS
"""Where sign-ins stand: who tried is not known before he is in."""


PARAMETERS = "/api/v1/parameters/"


class Request(Protocol):
    method: str
    path: str
    address: str
    trace_id: str
    receive: Any

    @property
    def headers(self) -> Mapping[str, str]: ...

    def claimed(self, content: Mapping[str, Any]) -> str:
        """Who says to be calling, where there is no token yet."""


class Trail:
    """Reads along what the operation reads of the body. Callers without a token leave none, but for their sign-ins: they
    may write nothing, and could fill the log."""

    def __init__(self, recorder: Recorder, request: Request, route: Route, principal: Principal | None) -> None:
        self._recorder, self._request, self._route, self._principal = recorder, request, route, principal
        self._receive = request.receive
        self._body = bytearray()
        self._whole = True
        self._at = datetime.now(UTC)
        self._ended = False

    async def receive(self) -> Mapping[str, Any]:
        message: Mapping[str, Any] = await self._receive()
        if message["type"] == "http.request":
            room = READ_AT_MOST - len(self._body)
            part = message.get("body", b"")
            self._body += part[:room]
            self._whole = self._whole and len(part) <= room
        return message

    def drop(self) -> None:
        """It was a dry run: nothing was written."""
        self._ended = True

    async def end(self, status: int) -> None:
        """Writes the entry, once."""
        if not self._ended:
            self._ended = True
            await self._recorder.record(self._entry(status))

    def _entry(self, status: int) -> Entry:
        form = self._request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        legible = {} if _of_secret(self._request.path) else self._route.legible
        content = summary(bytes(self._body), self._whole, form, legible)
        if self._principal:
            username, _, acting_for = self._principal.username.partition("/")
        else:  # whatever somebody calls himself, he acts for nobody
            username, acting_for = self._request.claimed(content or {}).replace("\0", ""), ""
        request = self._request
        return Entry(
            at=self._at,
            username=username[:64],
            acting_for=acting_for or None,
            address=request.address,
            method=request.method,
            path=request.path[:300].replace("\0", ""),
            operation=f"{self._route.service}.{self._route.operation_id}",
            status=status,
            trace_id=request.trace_id,
            content=content,
            org_path=self._principal.scope if self._principal else NOBODY,
        )


def _of_secret(path: str) -> bool:
    """Whether it sets a parameter whose value is told to nobody."""
    definition = settings.definitions().get(path.removeprefix(PARAMETERS)) if path.startswith(PARAMETERS) else None
    return definition is not None and definition.secret
