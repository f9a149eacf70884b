"""A step of a trace, as logs, problem documents and the exporter of traces (``otlp.py``) have it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Span:
    """A step of a trace: ids in lower-case hex, 32 and 16 digits. What is told of it: ``name`` (nothing is told without
    one), ``service``, ``kind`` (server, consumer, producer, internal), ``attributes`` and ``error``. Never anything
    personal: contracts' names, statuses, event types."""

    trace_id: str
    span_id: str
    flags: str = "01"
    parent_id: str = field(default="", compare=False)
    name: str = field(default="", compare=False)
    service: str = field(default="", compare=False)
    kind: str = field(default="internal", compare=False)
    began: int = field(default=0, compare=False)
    attributes: dict[str, str | int] = field(default_factory=dict, compare=False)
    error: str = field(default="", compare=False)

    def answered(self, status: int) -> None:
        """Of a request: with which status."""
        self.attributes["http.response.status_code"] = status
        if status >= 500:
            self.error = str(status)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"
