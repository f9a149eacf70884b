"""Spans of our traces to an OpenTelemetry collector, over OTLP/HTTP. Imported by the first span that is to be told.

Ids come from our own context, so a trace is the same one in logs, problem documents, audit entries and here. Everything else
(endpoint, headers, batches, limits, time-outs) is OpenTelemetry's, with its own environment variables.
"""

from __future__ import annotations

from functools import cache, lru_cache
from time import time_ns

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from chassis.ops.span import Span

_KINDS = {kind.name.lower(): kind for kind in SpanKind}
FLUSH_SECONDS = 3


@cache
def _processor() -> BatchSpanProcessor:
    return BatchSpanProcessor(OTLPSpanExporter())


@lru_cache(maxsize=64)
def _resource(service: str) -> Resource:
    """The courier speaks for every service, so the service belongs to the span and not to the process."""
    return Resource.create({"service.name": service or "suite", "service.namespace": "aftersales"})


def export(span: Span) -> None:
    """Queues a span that is over; never waits, and drops what a slow collector leaves no room for."""
    _processor().on_end(
        ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id, remote=False),
            parent=_context(span.trace_id, span.parent_id, remote=True) if span.parent_id else None,
            resource=_resource(span.service),
            attributes=dict(span.attributes),
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=span.began,
            end_time=time_ns(),
        )
    )


def flush() -> None:
    _processor().force_flush(FLUSH_SECONDS * 1000)


def _context(trace_id: str, span_id: str, *, remote: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), remote, TraceFlags(TraceFlags.SAMPLED))
