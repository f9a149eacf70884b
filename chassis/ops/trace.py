"""W3C trace context: one trace id from the HTTP request through the outbox to every consumer.

With the standard variable ``OTEL_EXPORTER_OTLP_ENDPOINT`` every named span is told to an OpenTelemetry collector
(``otlp.py``); without it nothing of OpenTelemetry is even imported.
"""

from __future__ import annotations

import os
import random
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import time_ns

from chassis.ops.span import Span

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
ON = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{which}ENDPOINT") for which in ("", "TRACES_"))
"""Whether anybody wants to be told."""
_SHARE = float(os.environ.get("OTEL_TRACES_SAMPLER_ARG") or 1)
"""Of the traces that begin here, which share is told; a trace that comes from elsewhere says so itself."""

_current: ContextVar[Span | None] = ContextVar("span", default=None)


def child_of(traceparent: str | None) -> Span:
    """A new span under the given parent; the start of a new trace when there is none or it cannot be read."""
    match = _TRACEPARENT.fullmatch(traceparent.strip()) if traceparent else None
    if match is None:
        flags = "01" if _SHARE >= 1 or random.random() < _SHARE else "00"
        return Span(secrets.token_hex(16), secrets.token_hex(8), flags)
    return Span(match[1], secrets.token_hex(8), match[3], match[2])


@contextmanager
def span(
    traceparent: str | None = None, name: str = "", *, service: str = "", kind: str = "internal"
) -> Iterator[Span]:
    """Makes a span current for the block: under ``traceparent`` if given, else under the current one, else a new trace.
    The block may name it later, and say how it went."""
    started = child_of(traceparent or current_traceparent())
    started.name, started.service, started.kind = name, service, kind
    started.began = time_ns() if ON else 0
    token = _current.set(started)
    try:
        yield started
    except Exception as error:
        started.error = type(error).__name__
        raise
    finally:
        _current.reset(token)
        end(started)


def end(ended: Span) -> None:
    """Tells a span that is over, if anybody wants to know."""
    if ON and ended.name and int(ended.flags, 16) & 1:
        from chassis.ops import otlp

        otlp.export(ended)


def flush() -> None:
    """Sends what has not been sent yet; for the end of a process."""
    if ON:
        from chassis.ops import otlp

        otlp.flush()


def current_traceparent() -> str | None:
    """The header to send on, or None outside any span."""
    current = _current.get()
    return current.traceparent if current else None


def trace_id() -> str | None:
    current = _current.get()
    return current.trace_id if current else None
