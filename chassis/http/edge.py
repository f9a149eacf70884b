"""What every door of the suite refuses before it routes: one rule for gateway, services and console, since two that read a request
differently are a way around both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from chassis.domain.errors import BadHost, DomainError, NotFound
from chassis.http import problems
from chassis.ops.addresses import addresses
from chassis.ops.trace import child_of

TARGET = "aftersales.target"
"""Where the server leaves the request's target as it came (deploy/serving.py): ASGI tells only its path."""
METRICS = "/metrics"
_HOST = re.compile(rb"(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_SPLITS = re.compile(rb"[/\\\x00-\x1f\x7f]")


def check(scope: Mapping[str, Any]) -> None:
    """BadHost or NotFound for a request that two readers could take for different ones."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise BadHost()
    target: bytes = scope.get(TARGET, b"")
    if not target.startswith(b"/") and b"://" in target:
        if target.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0].lower() != hosts[0].lower():
            raise BadHost()
    if not is_plain(scope.get("raw_path") or scope["path"].encode()):
        raise NotFound()


def is_plain(path: bytes) -> bool:
    """Whether each segment of a path as it came is a name: not empty, no dots that lead elsewhere, nothing that parts it once more
    when it is decoded."""
    return path == b"/" or (path[:1] == b"/" and all(_is_name(unquote_to_bytes(segment)) for segment in path[1:].split(b"/")))


def _is_name(segment: bytes) -> bool:
    return segment not in (b"", b".", b"..") and not _SPLITS.search(segment)


class Edge:
    """The same for an ASGI application that is not ours to change."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            try:
                check(scope)
                if scope["path"] == METRICS and not addresses().are_operators(scope, headers):
                    raise NotFound()
            except DomainError as error:
                language = problems.language_of(headers.get("accept-language"))
                trace_id = child_of(headers.get("traceparent")).trace_id
                status, extra, body = problems.of_error(error, language, trace_id)
                extra |= {"content-length": str(len(body)), "x-trace-id": trace_id}
                listed = [(name.encode(), value.encode()) for name, value in extra.items()]
                await send({"type": "http.response.start", "status": status, "headers": listed})
                await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
                return
        await self._app(scope, receive, send)
