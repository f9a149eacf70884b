"""Log lines: JSON, with the trace, without persons and secrets."""

from __future__ import annotations

import logging
import sys
from uuid import UUID

import orjson
import pytest

from chassis.ops import trace
from chassis.ops.logging import JsonFormatter, log_config, mask


@pytest.mark.parametrize(
    "text",
    [
        "call from +8613800138000",
        "call from +86 138 0013 8000",
        "call from 138-0013-8000",
        "mail to ann.lee@example.com.cn",
        "Authorization: Bearer abc.def",
        "token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln",
        "eyJ-id-eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln,log.eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln",
        "<ann.lee+x@example.com>, ..ann@sub-1.example.org...",
        "at postgresql://user:secret@host/db",
    ],
)
def test_what_is_personal_or_secret_is_masked(text: str) -> None:
    assert "***" in mask(text)
    for word in ("138", "8000", "ann", "abc", "eyJ", "secret"):
        assert word not in mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "order RE26110001 in 12345678 ms",
        str(UUID("0199e3a1-6f00-7c3e-9a51-2f3b8d0c4e11")),
        str(UUID("13800138-0000-7c3e-9a51-138001380000")),
        "listening on http://127.0.0.1:8080",
        "2026-11-22T03:36:35Z",
    ],
)
def test_what_operators_need_stays(text: str) -> None:
    assert mask(text) == text


def line(message: str, *args: object, error: bool = False, **extra: object) -> dict[str, object]:
    info = None
    if error:
        try:
            raise ValueError("unknown number +8613800138000")
        except ValueError:
            info = sys.exc_info()
    record = logging.getLogger("test").makeRecord("test", logging.INFO, "f", 1, message, args, info, extra=extra)
    found: dict[str, object] = orjson.loads(JsonFormatter("orders", "worker").format(record))
    return found


def test_a_line_tells_where_it_comes_from() -> None:
    with trace.span() as span:
        found = line("handled %d", 3, event_type="x", phone="+8613800138000")
    assert found["message"] == "handled 3"
    assert (found["service"], found["process"], found["level"], found["logger"]) == ("orders", "worker", "info", "test")
    assert found["trace_id"] == span.trace_id
    assert (found["event_type"], found["phone"]) == ("x", "***")
    assert str(found["time"]).endswith("Z")


def test_an_exception_is_one_field() -> None:
    found = line("failed", error=True)
    assert "ValueError: unknown number ***" in str(found["exception"])
    assert "trace_id" not in found


def test_access_logs_with_their_query_strings_are_silent() -> None:
    loggers = log_config("gateway", "http")["loggers"]
    for name in ("uvicorn.access", "gunicorn.access"):
        assert loggers[name] == {"handlers": [], "propagate": False, "level": "CRITICAL"}
