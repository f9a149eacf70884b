"""Every answer of a scenario run is held against the contract: known operation, declared status, declared shape."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

from chassis import contracts
from chassis.http.outside import visible
from deploy.local.api import Answer

BASE = "/api/v1"


@cache
def operations() -> tuple[contracts.Operation, ...]:
    """Every operation of every service, the gateway's own included."""
    return tuple(operation for service in contracts.services() for operation in contracts.operations(service))


@cache
def _table() -> list[tuple[str, re.Pattern[str], contracts.Operation]]:
    """Operations by method and path; literal paths before those with parameters, as a router would choose."""
    rows = sorted(operations(), key=lambda operation: operation.path.count("{"))
    return [(row.method.upper(), re.compile(re.sub(r"\{[^}]+\}", "[^/]+", row.path)), row) for row in rows]


def find(method: str, path: str) -> contracts.Operation | None:
    """The operation of ``POST /work-orders/…/start`` (path below /api/v1, query ignored)."""
    target = BASE + urlsplit(path).path
    return next((row for verb, pattern, row in _table() if verb == method and pattern.fullmatch(target)), None)


@cache
def _by_name() -> dict[tuple[str, str], contracts.Operation]:
    return {(row.service, row.operation_id): row for row in operations()}


@cache
def validator(service: str, operation_id: str, status: int, outside: bool = False) -> tuple[Any, str]:
    """(validator or None, media type) of what the contract promises for one status, ``outside`` to an outside account."""
    operation = _by_name()[service, operation_id]
    responses = operation.spec["responses"]
    promised = responses.get(str(status)) or responses.get(status) or (responses.get("default") if status >= 400 else None)
    assert promised is not None, f"{operation.operation_id}: status {status} is not in the contract"
    content = promised.get("content") or {}
    for media in ("application/problem+json", "application/json"):
        schema = content.get(media, {}).get("schema")
        if schema is not None:
            schema = visible(schema) if outside and status < 400 else schema
            return jsonschema_rs.Draft202012Validator(schema, validate_formats=True), media
    return None, next(iter(content), "")


def check_outside(method: str, path: str, answer: Answer) -> None:
    """The same for an outside account (G-10), whose answers have nothing that the contract does not name for it."""
    check(method, path, answer, outside=True)


def check(method: str, path: str, answer: Answer, outside: bool = False) -> None:
    """Raises AssertionError where an answer is not what the contract says. Files (CSV, XLSX) are left to their tests."""
    media = answer.headers.get("content-type", "").partition(";")[0]
    if media not in ("application/json", "application/problem+json"):
        return
    operation = find(method, path)
    if operation is None:
        assert answer.status in (404, 405, 401), f"{method} {path}: {answer.status} but no contract names it"
        return
    checker, promised = validator(operation.service, operation.operation_id, answer.status, outside)
    assert media == promised, f"{method} {path}: {answer.status} {media}, the contract says {promised}"
    if checker is not None:
        wrong = [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in checker.iter_errors(answer.json)]
        assert not wrong, f"{method} {path}: {answer.status} breaks its contract: {wrong[:5]}\n{answer.raw.decode()[:800]}"
