"""Wraps every operation of a contract: token, right, validation, unit of work, idempotency, reply.

Connexion reads the contract, routes and resolves ``operationId: repairs.start`` to
``services.orders.repairs.http.start``; the wrapped function itself imports no framework."""

from __future__ import annotations

import importlib
import inspect
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import orjson
from connexion.resolver import Resolver

from chassis import contracts
from chassis.contracts import Operation
from chassis.db.paging import MAX_LIMIT, ListQuery
from chassis.db.uow import Transient, UnitOfWork
from chassis.domain.errors import (
    BadSort,
    DomainError,
    Forbidden,
    MalformedJson,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from chassis.domain.principal import Principal
from chassis.http import confirming, dry_run, exports, outside, restricted, uploads, views
from chassis.http.confirming import Unconfirmed
from chassis.http.idempotency import UNCONFIRMED, Key, readable_today
from chassis.http.outside import PAGING
from chassis.http.runtime import NotYet, Runtime, patience
from chassis.http.uploads import Download
from chassis.http.validation import CONTROL, JSON, Body, Parameters
from chassis.ops.trace import current_traceparent
from chassis.service import Service

T = TypeVar("T")
PUBLIC, AUTHENTICATED = "public", "authenticated"
MAX_BODY = 1_048_576
TRIES = 5
_VERSION = re.compile(r'(?:W/)?"?(\d{1,18})"?')


@dataclass(frozen=True, slots=True)
class Caller:
    """What a use case may want to know of the request itself."""

    address: str
    language: str
    user_agent: str
    authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes | Iterator[bytes]
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    unconfirmed: UUID | None = None
    """The document whose end is waited for."""


class OperationResolver(Resolver):
    """``context.function`` under the service's package, in the context's ``http`` module."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    def resolve_function_from_operation_id(self, operation_id: str) -> Callable[..., Any]:
        context, _, name = operation_id.partition(".")
        module = importlib.import_module(f"{self._service.package}.{context}.http")
        function: Callable[..., Any] = getattr(module, name)
        return function


class Endpoint:
    """One operation, from request to reply."""

    def __init__(self, operation: Operation, function: Callable[..., Any], runtime: Runtime) -> None:
        self.operation = operation
        self.runtime = runtime
        self.parameters = Parameters(operation.spec)
        self.body = Body(operation.spec)
        self.is_list = "cursor" in self.parameters.query
        self.unsafe = operation.method != "get"
        # What answers with secrets, or begins and ends sessions, is neither remembered nor rehearsed.
        self.repeatable = operation.spec.get("x-idempotent") is not False
        self._function, self._confirmation = function, confirming.confirmation_of(function)
        self._arguments = frozenset(inspect.signature(function).parameters)
        self._max_body = int(operation.spec.get("x-max-body", MAX_BODY))
        self._shown_once = frozenset(operation.spec.get("x-told-once", ()))
        self.answer = outside.answer_of(operation.spec)
        self._shown = outside.visible(self.answer) if operation.outside else {}
        self._restricted = restricted.rights_of(self.answer)
        self._reader: Endpoint | None = None

    def find_reader(self, endpoints: Mapping[str, Endpoint]) -> None:
        """What reads the document that this one's kept answers tell of."""
        reader = contracts.reader_of(self.operation) if self.unsafe and self.repeatable else None
        self._reader = endpoints[reader.operation_id] if reader else None

    async def handle(self, scope: dict[str, Any], receive: Any, headers: dict[str, str], language: str) -> Reply:
        """Raises DomainError; the app turns it into a problem document."""
        dry = self._dry(scope, headers)
        principal = self._authorize(headers)
        path = self.parameters.parse_path(scope.get("path_params", {}))
        media = headers.get("content-type", JSON).split(";")[0].strip().lower()
        raw = await self._read_body(headers, receive, media) if self.unsafe else b""
        query = self.parameters.parse_query(scope.get("query_string", b""))
        if principal.is_outside and self.is_list:
            self._ask_of_shown(query)
        self._check_sort(query)
        body = await self._parse(raw, principal, scope["path"], headers) if self.unsafe else {}
        if self.operation.set_by:
            restricted.require_settable(self.body.schema, body, principal.may)
        arguments: dict[str, Any] = {**path, "body": body, "query": self._query(query, scope["path"])}
        client = scope.get("client") or ("", 0)
        address = headers.get("x-forwarded-for", client[0]).split(",")[-1].strip()
        arguments["caller"] = Caller(address, language, headers.get("user-agent", ""), headers.get("authorization"))
        if self.is_list and query.get("format", "json") != "json":
            return await self._export(principal, arguments, arguments["query"])
        key = self._key(principal, scope["path"], headers, uploads.identity(body) if uploads.MULTIPART in self.body.media else raw)
        expected = self._expected(path, headers)
        run = partial(self._run, principal, arguments, key, expected, current_traceparent(), dry)
        began, seconds = time.monotonic(), patience(headers.get("prefer"))
        reply = await self.runtime.patiently(run, seconds)
        if reply.unconfirmed is None or dry:
            return reply
        return await self._confirmed(reply, principal, arguments, key, began + seconds - time.monotonic())

    async def _confirmed(
        self, reply: Reply, principal: Principal, arguments: dict[str, Any], key: Key | None, seconds: float
    ) -> Reply:
        """The end of what was begun, or ``reply`` where it does not come in time."""
        assert self._confirmation is not None and reply.unconfirmed is not None
        id, lapse = reply.unconfirmed, self._confirmation.lapse
        try:
            return await self.runtime.patiently(partial(self._outcome, principal, arguments, key, id), max(seconds, 0.0))
        except NotYet:
            if lapse is None:
                return reply
            return await self.runtime.in_thread(partial(self._lapse, lapse, principal, arguments, key, id))

    def _lapse(self, lapse: confirming.Lapse, principal: Principal, arguments: dict[str, Any], key: Key | None, id: UUID) -> Reply:
        """Committed before it is told, also where it is a refusal."""
        result = self._in_transaction(principal, lambda uow: lapse(uow, id, arguments["caller"]))
        if isinstance(result, DomainError):
            self._refused(principal, key, id)
            raise result
        return self._reply(self.visible_to(principal, result))

    def _outcome(self, principal: Principal, arguments: dict[str, Any], key: Key | None, id: UUID) -> Reply:
        """The confirmed answer, kept from now on; a refusal is not, so that the request may be made anew. Raises NotYet."""
        assert self._confirmation is not None
        outcome = self._confirmation.outcome

        def ask(uow: UnitOfWork) -> Reply:
            result = outcome(uow, id, arguments["caller"])
            if result is None:
                raise NotYet()
            reply = self._reply(self.visible_to(principal, result))
            if key and isinstance(reply.body, bytes):
                key.confirm(uow, id, reply.status, reply.body)
            return reply

        try:
            return self._in_transaction(principal, ask)
        except DomainError:
            self._refused(principal, key, id)
            raise

    def _refused(self, principal: Principal, key: Key | None, id: UUID) -> None:
        if key:
            self._in_transaction(principal, partial(key.confirm, id=id))

    def _in_transaction(self, principal: Principal, work: Callable[[UnitOfWork], T]) -> T:
        for _ in range(TRIES):
            try:
                with UnitOfWork(self.runtime.engine, principal) as uow:
                    return work(uow)
            except Transient:
                continue
        raise Unavailable()

    def _dry(self, scope: dict[str, Any], headers: dict[str, str]) -> bool:
        if not self.unsafe or not dry_run.asked(headers):
            return False
        if not self.repeatable:
            raise ValidationFailed.of("Dry-Run", "not_allowed")
        scope[dry_run.MARK] = True
        return True

    def _authorize(self, headers: dict[str, str]) -> Principal:
        permission = self.operation.permission
        if permission == PUBLIC:
            return Principal.system(f"{self.runtime.service.name}.public")
        principal = self.runtime.verifier.principal(headers.get("authorization"))
        if principal.is_outside and not self.operation.outside:
            raise Forbidden("not for outside accounts")
        if permission != AUTHENTICATED:
            principal.require(permission or "")
        return principal

    async def _read_body(self, headers: dict[str, str], receive: Any, media: str) -> bytes:
        if int(headers.get("content-length") or 0) > self._max_body:
            raise PayloadTooLarge(limit=self._max_body)
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise MalformedJson()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._max_body:
                raise PayloadTooLarge(limit=self._max_body)
            more = message.get("more_body", False)
        if size and self.body.media and media not in self.body.media:
            raise UnsupportedMediaType(media)
        return b"".join(chunks)

    async def _parse(self, raw: bytes, principal: Principal, path: str, headers: dict[str, str]) -> dict[str, Any]:
        """The body. What is wrong with it matters less than that it came under a key used for another one."""
        try:
            return self.body.parse(raw, headers.get("content-type", JSON))
        except ValidationFailed:
            key = self._key(principal, path, headers, raw)
            if key and uploads.MULTIPART not in self.body.media:
                await self.runtime.in_thread(lambda: self._refuse_used(principal, key))
            raise

    def _refuse_used(self, principal: Principal, key: Key) -> None:
        with UnitOfWork(self.runtime.engine, principal) as uow:
            key.recall(uow)

    def _query(self, values: dict[str, Any], path: str) -> ListQuery:
        filters = {name: value for name, value in values.items() if name not in PAGING}
        return ListQuery(filters, path=path, **{name: values[name] for name in PAGING if name in values})

    def _check_sort(self, query: dict[str, Any]) -> None:
        """Every column has an order; the contract says which are for callers."""
        sorts = self.operation.spec.get("x-sorts", ())
        if query.get("sort", "").removeprefix("-") not in ("", *sorts) and sorts:
            raise BadSort(sort=query["sort"], sorts=sorted(sorts))

    def _ask_of_shown(self, query: dict[str, Any]) -> None:
        """What an outside account is not shown it may not sort or filter by either: that tells of it, too."""
        shown = [column.name for column in exports.columns_of(self._shown)]
        if query.get("sort", "").removeprefix("-") not in ("", *shown):
            raise BadSort()
        if hidden := {name for name in query if name not in PAGING and outside.asks_of(self.parameters.query[name]) not in (*shown, "q")}:
            raise ValidationFailed([{"field": name, "code": "not_allowed"} for name in sorted(hidden)])

    def _key(self, principal: Principal, path: str, headers: dict[str, str], raw: bytes) -> Key | None:
        given = headers.get("idempotency-key")
        if not self.unsafe or given is None or self.operation.permission == PUBLIC:
            return None
        if not self.repeatable:
            return None
        if not 0 < len(given) <= 200 or CONTROL.search(given):
            raise ValidationFailed.of("Idempotency-Key", "bad_format")
        return Key.of(principal, self.operation.method.upper(), path, given, raw)

    def _expected(self, path: dict[str, Any], headers: dict[str, str]) -> tuple[Any, int] | None:
        """The version the caller saw of the document in the path, the innermost where there are several."""
        given = headers.get("if-match")
        if given is None or given.strip() == "*" or not path:
            return None
        match = _VERSION.fullmatch(given.strip())
        if match is None:
            raise ValidationFailed.of("If-Match", "bad_format")
        return list(path.values())[-1], int(match[1])

    def _run(
        self, principal: Principal, arguments: dict[str, Any], key: Key | None, expected: Any, traceparent: str | None,
        dry: bool,
    ) -> Reply:
        if "uow" not in self._arguments:
            return self._reply(self.call(arguments))
        for _ in range(TRIES):
            try:
                with UnitOfWork(self.runtime.engine, principal, read_only=not self.unsafe, dry_run=dry) as uow:
                    known = key.recall(uow) if key else None
                    if known:
                        return self._again(uow, *known, arguments)
                    uow.expected_version, uow.traceparent = expected, traceparent
                    # Not before: an answer that is remembered is given again however late it is asked for.
                    self.body.dates.check(arguments.get("body", {}), uow.now)
                    result = self.visible_to(principal, self.call({**arguments, "uow": uow}))
                    reply = self._reply(result)
                    if dry:  # a secret that was made and is not kept would only mislead
                        reply = replace(reply, body=self._storable(result) or reply.body)
                    elif key and isinstance(reply.body, bytes):
                        status = reply.status if reply.unconfirmed is None else UNCONFIRMED
                        key.remember(uow, status, self._storable(result) or reply.body)
                return reply
            except Transient:
                continue
        raise Unavailable()

    def call(self, arguments: dict[str, Any]) -> Any:
        return self._function(**{name: value for name, value in arguments.items() if name in self._arguments})

    def _again(self, uow: UnitOfWork, status: int, stored: bytes, arguments: dict[str, Any]) -> Reply:
        """A kept answer, as far as its document may be seen today; one that was not confirmed is to be waited for again."""
        headers = (("idempotency-replayed", "true"),)
        if status == UNCONFIRMED:
            return Reply(self.operation.success, self._visible_today(uow, stored, arguments), headers=headers, unconfirmed=UUID(orjson.loads(stored)["id"]))
        return Reply(status, self._visible_today(uow, stored, arguments), headers=headers)

    def _visible_today(self, uow: UnitOfWork, stored: bytes, arguments: dict[str, Any]) -> bytes:
        reader = self._reader
        if reader is None:
            return stored

        def read() -> bytes:
            made = reader.parameters.path.keys() - arguments.keys()
            ids = {name: UUID(orjson.loads(stored)["id"]) for name in made}
            return views.dump(reader.visible_to(uow.principal, reader.call({**arguments, **ids, "uow": uow})))

        return readable_today(stored, self.answer == reader.answer, read)

    def visible_to(self, principal: Principal, result: Any) -> Any:
        """The answer as its reader may see it: an outside account is shown what the contract names, and nobody what asks for a right
        that he has not."""
        if isinstance(result, Download):
            return result
        if isinstance(result, Unconfirmed):
            return Unconfirmed(self.visible_to(principal, result.document))
        if isinstance(result, tuple):  # with a status of its own
            return self.visible_to(principal, result[0]), *result[1:]
        if principal.is_outside:
            return outside.shown(self._shown, result)
        return restricted.shown(self.answer, result, principal.may) if self._hides(principal) else result

    def _hides(self, principal: Principal) -> bool:
        return any(not principal.may(right) for right in self._restricted)

    def _reply(self, result: Any) -> Reply:
        status = self.operation.success
        if isinstance(result, Download):
            return Reply(status, result.content, result.media_type, result.headers())
        if isinstance(result, Unconfirmed):
            return replace(self._reply(result.document), unconfirmed=UUID(str(result.document["id"])))
        if isinstance(result, tuple):
            result, status = result
        headers: tuple[tuple[str, str], ...] = ()
        if isinstance(result, dict) and isinstance(result.get("version"), int):
            headers = (("etag", f'"{result["version"]}"'),)
        return Reply(status, views.dump(result), headers=headers)

    def _storable(self, result: Any) -> bytes | None:
        """The answer as it may be stored: what is told once (a password the system made) is not there again."""
        if not self._shown_once or not isinstance(result, dict):
            return None
        return views.dump({name: value for name, value in result.items() if name not in self._shown_once})

    async def _export(self, principal: Principal, arguments: dict[str, Any], query: ListQuery) -> Reply:
        def read(cursor: str | None) -> dict[str, Any]:
            with UnitOfWork(self.runtime.engine, principal, read_only=True) as uow:
                whole = replace(query, limit=MAX_LIMIT, cursor=cursor, total=False)
                page: dict[str, Any] = self.visible_to(principal, self.call({**arguments, "uow": uow, "query": whole}))
                return page

        # The first page is read before the headers leave: a bad filter or sort key is still a problem document.
        first = await self.runtime.in_thread(lambda: read(None))

        def next_page(cursor: str | None) -> dict[str, Any]:
            return first if cursor is None else read(cursor)

        name = self.operation.path.rsplit("/", 1)[-1]
        disposition = f"attachment; filename*=UTF-8''{quote(name)}.{query.format}"
        columns = exports.columns_of(self._shown if principal.is_outside else restricted.without(self.answer, principal.may))
        parts = exports.chunks(query.format, next_page, columns)
        return Reply(200, parts, exports.MEDIA[query.format], (("content-disposition", disposition),))


async def stream(runtime: Runtime, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pull a blocking iterator from a thread, one part at a time."""
    while True:
        part = await runtime.in_thread(lambda: next(parts, None))
        if part is None:
            return
        yield part


