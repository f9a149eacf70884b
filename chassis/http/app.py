"""Builds the ASGI application of a service: Connexion routes by contract, everything else is an Endpoint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from dataclasses import replace
from itertools import count
from typing import Any

from connexion.apps.asynchronous import AsyncApi, AsyncApp
from connexion.middleware.routing import RoutingMiddleware
from connexion.operations.abstract import AbstractOperation
from sqlalchemy import text
from starlette.exceptions import HTTPException

from chassis import contracts
from chassis.contracts import METHODS, Operation
from chassis.db.uow import UnitOfWork
from chassis.db.violations import is_away
from chassis.domain.errors import DomainError, MethodNotAllowed, NotFound, Unavailable
from chassis.domain.principal import Principal
from chassis.http import dry_run, edge, problems
from chassis.http.resolver import Endpoint, OperationResolver, Reply, stream
from chassis.http.runtime import Runtime
from chassis.ops import metrics
from chassis.ops.addresses import addresses
from chassis.ops.span import Span
from chassis.ops.trace import span
from chassis.service import Service

log = logging.getLogger("aftersales.http")
Message = dict[str, Any]
RENEWED = 200
"""Of so many answers one ends its connection. Callers keep theirs, and all of them may have gone to one of several processes,
or been opened before the others came; those that are opened anew go to who has time."""


class _Operation:
    """What Connexion's router calls: leaves the endpoint in the scope; the application around it does the rest."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        found = scope["aftersales"]
        found["endpoint"], found["path_params"] = self.endpoint, scope.get("path_params", {})


class _Api(AsyncApi):
    """Connexion's API with operations of our own in place of its decorators."""

    endpoints: dict[str, Endpoint]

    def make_operation(self, operation: AbstractOperation) -> Any:
        return _Operation(self.endpoints[operation.operation_id])


class Application:
    """ASGI application. Also answers /healthz, /readyz and /metrics."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.runtime = Runtime(service)
        self._answers = count(1)
        metrics.answering(service.name)
        self._routes = self._route()

    def _route(self) -> AsyncApp:
        """Connexion application with one API of all the contracts' operations."""
        resolver = OperationResolver(self.service)
        app = AsyncApp(__name__, middlewares=[RoutingMiddleware])
        endpoints = {o.operation_id: self._endpoint(o, resolver) for o in contracts.operations(self.service.name)}
        for endpoint in endpoints.values():
            endpoint.find_reader(endpoints)
        asgi: Any = app.middleware.app  # an AsyncASGIApp until the middlewares stand around it
        asgi.api_cls = type("Api", (_Api,), {"endpoints": endpoints})
        # One API for all contexts: of three under one base path, Connexion's router reaches only the first and the last.
        documents = [contracts.load(self.service.name, context) for context in contracts.contexts(self.service.name)]
        app.add_api(_skeleton(documents), resolver=resolver)
        return app

    def _endpoint(self, operation: Operation, resolver: OperationResolver) -> Endpoint:
        function = resolver.resolve_function_from_operation_id(operation.operation_id)
        return Endpoint(operation, function, self.runtime)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
            with span(headers.get("traceparent"), service=self.service.name, kind="server") as current:
                await self._http(scope, receive, send, headers, current)

    async def _http(self, scope: Message, receive: Any, send: Any, headers: dict[str, str], current: Span) -> None:
        language = problems.language_of(headers.get("accept-language"))
        labels = {"service": self.service.name, "operation": "unknown", "status": "500"}
        with metrics.timed(metrics.answered, labels):
            try:
                reply = await self._answer(scope, receive, headers, language, labels, current)
            except Exception as error:
                status, extra, body = self._problem(error, language, current.trace_id)
                reply = Reply(status, body, extra.pop("content-type"), tuple(extra.items()))
            if scope.get(dry_run.MARK):
                reply = replace(reply, headers=(*reply.headers, (dry_run.HEADER, "true")))
            labels["status"] = str(reply.status)
            current.answered(reply.status)
            await self._send(reply, send, current)

    async def _answer(
        self,
        scope: Message,
        receive: Any,
        headers: dict[str, str],
        language: str,
        labels: dict[str, str],
        current: Span,
    ) -> Reply:
        edge.check(scope)
        path = scope["path"]
        if path in ("/healthz", "/readyz", edge.METRICS):
            if path == edge.METRICS and not addresses().are_operators(scope, headers):
                raise NotFound()
            return await self._operations(path)
        found: dict[str, Any] = {}
        await self._routes({**scope, "aftersales": found, "app": self}, receive, _ignore)
        endpoint = found.get("endpoint")
        if endpoint is None:
            raise NotFound()
        labels["operation"] = endpoint.operation.operation_id
        current.name = f"{endpoint.operation.method.upper()} {endpoint.operation.path}"
        scope["path_params"] = found["path_params"]
        reply: Reply = await endpoint.handle(scope, receive, headers, language)
        return reply

    async def _operations(self, path: str) -> Reply:
        if path == edge.METRICS:
            body, media = await asyncio.to_thread(metrics.exposition)  # not where requests wait for a free thread
            return Reply(200, body, media)
        if path == "/readyz":
            await self.runtime.in_thread(self._ping)
        return Reply(200, b'{"status":"ok"}')

    def _ping(self) -> None:
        with UnitOfWork(self.runtime.engine, Principal.system("readiness"), read_only=True) as uow:
            uow.rows(text("SELECT 1"))

    def _problem(self, error: Exception, language: str, trace_id: str) -> tuple[int, dict[str, str], bytes]:
        if isinstance(error, HTTPException):
            error = MethodNotAllowed() if error.status_code == 405 else NotFound()
        if is_away(error):
            log.warning("database not available: %s", error)
            error = Unavailable()
        if isinstance(error, DomainError):
            return problems.of_error(error, language, trace_id)
        log.exception("unforeseen error", exc_info=error)
        return problems.internal(language, trace_id)

    async def _send(self, reply: Reply, send: Any, current: Span) -> None:
        headers = [(b"content-type", reply.media_type.encode()), (b"x-trace-id", current.trace_id.encode())]
        headers += [(name.encode(), value.encode()) for name, value in reply.headers]
        if next(self._answers) % RENEWED == 0:
            headers.append((b"connection", b"close"))
        if isinstance(reply.body, bytes):
            headers.append((b"content-length", str(len(reply.body)).encode()))
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": reply.body})
            return
        started = False
        async for part in stream(self.runtime, reply.body):
            if not started:
                await send({"type": "http.response.start", "status": reply.status, "headers": headers})
                started = True
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.runtime.hear()
                await send({"type": "lifespan.startup.complete"})
            else:
                self.runtime.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _ignore(message: MutableMapping[str, Any]) -> None:
    """Connexion's part sends nothing: its routers answer 404 and 405 by exception or by leaving no endpoint."""
    if message["type"] == "http.response.start" and message["status"] == 405:
        raise MethodNotAllowed()


def _skeleton(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """What Connexion needs of contracts to route: paths and operation ids. Schemas are checked by our own validators,
    compiled once, so Connexion does not have to walk them at start."""
    paths: dict[str, dict[str, Any]] = {}
    for document in documents:
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item:
                    paths.setdefault(path, {})[method] = _bare(item, item[method])
    first = documents[0]
    return {"openapi": "3.0.3", "info": first["info"], "servers": first["servers"], "paths": paths}


def _bare(item: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": operation["operationId"],
        "parameters": [
            {"name": p["name"], "in": "path", "required": True, "schema": {"type": "string"}}
            for p in [*item.get("parameters", []), *operation.get("parameters", [])]
            if p["in"] == "path"
        ],
        "responses": {"default": {"description": "see the contract"}},
    }


def build_app(service: Service) -> Application:
    """The ASGI application of a service. Opens nothing: safe before a fork."""
    return Application(service)
