"""The console's HTTP process: ``app`` is ASGI, so the same server runs it as every other process."""

from __future__ import annotations

from a2wsgi import WSGIMiddleware

from chassis.http.edge import Edge
from console.app import create_app

THREADS = 8

app = Edge(WSGIMiddleware(create_app(), workers=THREADS))  # type: ignore[arg-type]
