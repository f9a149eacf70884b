"""Liveness, readiness and metrics over HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import orjson
import pytest

from chassis.ops import metrics
from chassis.ops.health import Health


@pytest.fixture
def health() -> Health:
    return Health(limit=60)


@pytest.fixture
def port(health: Health) -> Iterator[int]:
    server = health.serve("127.0.0.1", _free())
    assert server is not None
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    status, body = answer.status, answer.read()
    connection.close()
    return status, body


def test_a_loop_that_hangs_is_dead(health: Health, port: int) -> None:
    health.beat("deliver")
    assert ask(port, "/live") == (200, b'{"ok":true,"parts":{"deliver":true}}')
    health.limit = 0
    status, body = ask(port, "/live")
    assert (status, orjson.loads(body)["parts"]) == (503, {"deliver": False})


def test_ready_when_every_check_passes(health: Health, port: int) -> None:
    health.check("database", lambda: True)
    assert ask(port, "/ready")[0] == 200
    health.check("broker", lambda: bool(1 / 0))
    status, body = ask(port, "/ready")
    assert (status, orjson.loads(body)["parts"]) == (503, {"database": True, "broker": False})


def test_metrics_are_served(port: int) -> None:
    metrics.SENT.labels("unit").inc(3)
    status, body = ask(port, "/metrics")
    assert status == 200
    assert b'aftersales_events_sent_total{service="unit"} 3.0' in body
    assert ask(port, "/other")[0] == 404


def test_no_port_no_server(health: Health) -> None:
    assert health.serve("127.0.0.1", 0) is None


def test_time_is_observed_with_the_labels_known_at_the_end() -> None:
    labels = {"service": "unit", "type": "t", "outcome": "away"}
    with metrics.timed(metrics.handled, labels):
        labels["outcome"] = "done"
    body = metrics.exposition()[0].decode()
    assert 'aftersales_event_seconds_count{outcome="done",service="unit",type="t"} 1.0' in body
    assert 'outcome="away",service="unit"' not in body
