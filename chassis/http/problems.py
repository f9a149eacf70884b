"""The one table from a domain error's kind to an HTTP status, and the RFC 9457 document made of it."""

from __future__ import annotations

import re
from typing import Any

import orjson

from chassis import contracts
from chassis.domain.errors import DomainError, Kind

STATUS = {
    Kind.MALFORMED: 400,
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD: 405,
    Kind.CONFLICT: 409,
    Kind.SLOW: 408,
    Kind.TOO_LARGE: 413,
    Kind.MEDIA: 415,
    Kind.UNPROCESSABLE: 422,
    Kind.LOCKED: 423,
    Kind.LIMITED: 429,
    Kind.INTERNAL: 500,
    Kind.UNAVAILABLE: 503,
}
PROBLEM = "application/problem+json"
_WEIGHT = re.compile(r"q=([01](?:\.\d{0,3})?)", re.ASCII)


def language_of(accept_language: str | None) -> str:
    """``zh`` or ``en``, whichever the caller prefers (RFC 9110 12.5.4); Chinese when it names neither."""
    best, language = 0.0, "zh"
    for part in (accept_language or "").lower().split(","):
        tag, _, weight = part.partition(";")
        quality = _quality(weight)
        if tag.strip()[:2] in ("zh", "en") and quality > best:
            best, language = quality, tag.strip()[:2]
    return language


def _quality(weight: str) -> float:
    """``q=0.5`` as a number; 1 where none is given or it is none."""
    found = _WEIGHT.fullmatch(weight.replace(" ", ""))
    return float(found[1]) if found else 1.0


def document(
    code: str, status: int, language: str, trace_id: str, detail: str = "", members: dict[str, Any] | None = None
) -> bytes:
    """The body. ``members`` are added beside the standard ones."""
    title = contracts.errors().get(code, {}).get(language, code)
    if language == "zh":
        detail = contracts.details().get(detail, detail)
    said = detail if detail and detail != code else title
    body = {"type": f"/problems/{code}", "title": title, "status": status, "detail": said, "code": code, "trace_id": trace_id}
    return orjson.dumps({**body, **(members or {})}, default=str)


def of_error(error: DomainError, language: str, trace_id: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body for a domain error."""
    status = STATUS[error.kind]
    headers = {"content-type": PROBLEM}
    if error.code == "rate_limited":
        headers["retry-after"] = str(error.members.get("retry_after", 1))
    if status == 401:
        headers["www-authenticate"] = error.challenge
    if error.code == "scope_missing":
        headers["www-authenticate"] = f'Bearer error="insufficient_scope", scope="{error.members["scope"]}"'
    return status, headers, document(error.code, status, language, trace_id, error.detail, error.members)


def internal(language: str, trace_id: str) -> tuple[int, dict[str, str], bytes]:
    """The answer to an error nobody foresaw: says nothing but its trace id."""
    return 500, {"content-type": PROBLEM}, document("internal_error", 500, language, trace_id)
