"""Prometheus metrics of all processes. With ``PROMETHEUS_MULTIPROC_DIR`` set, those of sibling processes are merged."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

MERGED = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder through which the metrics of sibling processes are merged. To be set before this module is imported."""
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _latest(name: str, meaning: str, *labels: str) -> Gauge:
    """Of several processes that measure the same, the newest figure counts."""
    return Gauge(name, meaning, labels, multiprocess_mode="mostrecent")


def _of_each(name: str, meaning: str, *labels: str) -> Gauge:
    """A figure of one process, told for each that lives."""
    return Gauge(name, meaning, labels, multiprocess_mode="liveall")


REQUESTS = Histogram(
    "aftersales_http_request_seconds",
    "Time of HTTP requests",
    ["service", "operation"],
    buckets=_SECONDS,
)
ANSWERS = Counter("aftersales_http_requests", "HTTP requests answered", ["service", "operation", "status"])
"""Apart from their time, whose dozen buckets for each status of each operation made a scrape of a whole suite take seconds."""
HANDLED = Histogram(
    "aftersales_event_seconds",
    "Time from reception of an event to the end of its transaction",
    ["service", "type", "outcome"],
    buckets=_SECONDS,
)
SENT = Counter("aftersales_events_sent", "Events sent from the outbox", ["service"])
RETRIES = Counter("aftersales_event_retries", "Failed attempts that will be repeated", ["service", "type"])
PARKED = Counter("aftersales_events_parked", "Events given up and parked", ["service", "type"])
UNDECODABLE = Counter(
    "aftersales_messages_undecodable", "Messages rejected to the dead-letter queue", ["service"]
)
TIMER_FAILURES = Counter("aftersales_timer_failures", "Runs of timers that failed", ["service", "timer"])
OUTBOX_WAITING = _latest("aftersales_outbox_waiting", "Events waiting in the outbox", "service")
OUTBOX_LAG = _latest("aftersales_outbox_lag_seconds", "Age of the oldest waiting event", "service")
INBOX_WAITING = _latest("aftersales_inbox_waiting", "Received events not handled yet, by state", "service", "state")
INBOX_OLDEST = _latest(
    "aftersales_inbox_oldest_seconds", "Age of the oldest received event that is still to be handled; parked ones do not count", "service"
)
QUEUE = _latest(
    "aftersales_queue_messages", "Messages in the broker's queue of a service (main) and in its dead-letter queue (undecodable)", "service", "queue"
)
POOL = _of_each("aftersales_pool_connections", "Database connections checked out of one process's pool", "service")
POOL_SIZE = _of_each("aftersales_pool_size", "Database connections one process's pool may hold", "service")
UNBALANCED = _latest("aftersales_ledger_unbalanced_postings", "Postings of the last day that do not sum to zero", "service")
BEAT = _latest("aftersales_loop_beat_timestamp_seconds", "When a loop of a background process last showed that it runs", "process", "loop")
PROCESS_UP = _latest("aftersales_process_up", "Whether a process of an embedded suite runs", "process")
PROCESS_STARTS = Counter(
    "aftersales_process_starts", "How often the supervisor started a process of an embedded suite", ["process"]
)


@contextmanager
def timed(observe: Callable[..., None], labels: dict[str, str]) -> Iterator[None]:
    """The block's time goes to ``observe`` (``answered``, ``handled``); the block may still change the labels (say, the outcome)."""
    started = perf_counter()
    try:
        yield
    finally:
        observe(**labels, seconds=perf_counter() - started)


def handled(*, seconds: float, **labels: str) -> None:
    HANDLED.labels(**labels).observe(seconds)


def answered(service: str, operation: str, status: str, seconds: float) -> None:
    REQUESTS.labels(service, operation).observe(seconds)
    ANSWERS.labels(service, operation, status).inc()


def from_zero(service: str, types: Iterable[str], timers: Iterable[str]) -> None:
    """Counts that begin at nought before anything has gone wrong, so that its first time is a change that can be seen."""
    UNDECODABLE.labels(service)
    SENT.labels(service)
    for type_ in types:
        RETRIES.labels(service, type_)
        PARKED.labels(service, type_)
    for timer in timers:
        TIMER_FAILURES.labels(service, timer)


def answering(service: str) -> None:
    """The count of requests that failed, from nought."""
    ANSWERS.labels(service, "unknown", "500")


def gone(pid: int) -> None:
    """A sibling process has ended: its pool and what else was only its own is no longer told of."""
    if MERGED in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def exposition() -> tuple[bytes, str]:
    """Body and content type of a scrape. Takes a tenth of a second or more where a whole suite is told of: not for an event loop."""
    registry = REGISTRY
    if MERGED in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
