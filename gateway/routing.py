"""Which service answers a call: a table read from the contracts, so a new endpoint needs no change here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from chassis import contracts
from chassis.contracts import Operation
from chassis.domain.errors import MethodNotAllowed, NotFound
from chassis.http import restricted

MAX_BODY = 1_048_576
"""Bytes a request body may have, unless the contract says more by ``x-max-body``."""
PUBLIC, AUTHENTICATED = "public", "authenticated"


@dataclass(frozen=True, slots=True)
class Route:
    """Where an operation lives and what it asks of its caller."""

    service: str
    operation_id: str
    permission: str
    max_body: int = MAX_BODY
    repeatable: bool = True
    """Takes idempotency keys and dry runs (chassis/http/resolver.py)."""
    path: str = ""
    """The template, from /api/v1 on."""
    collects: Mapping[str, str] = field(default_factory=dict)
    """Lists that are appended to the answer (collecting.py): member of the answer -> path with filters."""
    outside: bool = False
    """Whether outside accounts may call it (G-10)."""
    legible: Mapping[str, bool] | None = None
    """Of a request about a person or about costs, one with members marked ``x-personal`` or ``x-shown-to``: which of its members the
    audit log may repeat. In what the contract does not know anything may stand. None: of other requests."""


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class Table:
    """Path templates as a tree; a fixed segment is preferred to a parameter."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            self._add(operation)

    @classmethod
    def of_contracts(cls) -> Table:
        return cls(o for service in contracts.services() for o in contracts.operations(service))

    def _add(self, operation: Operation) -> None:
        node = self._root
        for part in operation.path.strip("/").split("/"):
            if part.startswith("{"):
                node.any = node = node.any or _Node()
            else:
                node = node.fixed.setdefault(part, _Node())
        method = operation.method.upper()
        if method in node.routes:
            other = node.routes[method]
            raise ValueError(
                f"{method} {operation.path}: both {other.service}.{other.operation_id} and "
                f"{operation.service}.{operation.operation_id}"
            )
        if not operation.permission:
            raise ValueError(f"{method} {operation.path} has no x-permission")
        node.routes[method] = Route(
            operation.service,
            operation.operation_id,
            operation.permission,
            int(operation.spec.get("x-max-body", MAX_BODY)),
            operation.spec.get("x-idempotent") is not False,
            operation.path,
            operation.spec.get("x-collects", {}),
            operation.outside,
            _legible(operation.spec.get("requestBody")),
        )

    def match(self, method: str, raw_path: str) -> Route:
        """The route of a path as it came over the wire. NotFound, or MethodNotAllowed with ``allow``."""
        parts = [unquote(part) for part in raw_path.removeprefix("/").split("/")]
        if any(part in ("", ".", "..") or "/" in part for part in parts):
            raise NotFound()
        allow: set[str] = set()
        for node in _walk(self._root, parts):
            if method in node.routes:
                return node.routes[method]
            allow |= node.routes.keys()
        if allow:
            raise MethodNotAllowed(allow=sorted(allow))
        raise NotFound()


def _legible(schema: Any) -> Mapping[str, bool] | None:
    members = list(_members(schema))
    untold = {name for name, member in members if isinstance(member, dict) and (member.get("x-personal") or restricted.MARK in member)}
    return {name: name not in untold for name, _ in members} if untold else None


def _members(schema: Any) -> Iterator[tuple[str, Any]]:
    """Name and schema of every member, however deep."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for part in schema.values():
            yield from _members(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _members(part)


def _walk(node: _Node, parts: list[str]) -> Iterator[_Node]:
    """Every node the path leads to, the most exact first."""
    if not parts:
        yield node
        return
    head, rest = parts[0], parts[1:]
    if head in node.fixed:
        yield from _walk(node.fixed[head], rest)
    if node.any is not None:
        yield from _walk(node.any, rest)
