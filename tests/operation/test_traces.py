"""One trace from a click in the console to the last effect in another service's database, told to a collector of our own."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import servers_for
from tests.support.case import Case
from tests.support.client import eventually
from tests.support.company import PASSWORD, Company
from tests.support.suites import RunningSuite


@dataclass(frozen=True)
class Told:
    trace: str
    id: str
    parent: str
    service: str
    name: str
    attributes: tuple[tuple[str, str], ...]
    began: int
    ended: int


@dataclass
class Collector:
    """An OTLP/HTTP receiver."""

    port: int = 0
    spans: list[Told] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                attributes = tuple((a.key, str(a.value.string_value or a.value.int_value)) for a in span.attributes)
                self.spans.append(Told(
                    span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), names["service.name"], span.name,
                    attributes, span.start_time_unix_nano, span.end_time_unix_nano,
                ))

    def of(self, trace: str) -> list[Told]:
        return [span for span in list(self.spans) if span.trace == trace]


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    collector.port = server.server_port
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


class Browser:
    """Somebody at the console, without a browser."""

    def __init__(self, base: str, username: str, password: str) -> None:
        self.base, self.session = base, requests.Session()
        self.post("/sign-in", "/sign-in", {"username": username, "password": password})

    def post(self, page: str, target: str, values: dict[str, str]) -> requests.Response:
        """Sends the form of a page, as it was shown, with these values."""
        shown = self.session.get(self.base + page, timeout=20)
        hidden = dict(re.findall(r'name="(csrf_token|idempotency_key|version)" value="([^"]*)"', shown.text))
        done = self.session.post(self.base + target, {**hidden, **values}, allow_redirects=False, timeout=20)
        assert done.status_code == 303, f"{target}: {done.status_code} {done.text[:2000]}"
        return done

    def click(self, path: str, values: dict[str, str]) -> str:
        """Carries out an action of a document; the trace of it."""
        return self.post(path, path, values).headers["x-request-id"]


@pytest.fixture
def traced(mode: str) -> Iterator[tuple[RunningSuite, Collector]]:
    with collecting() as collector:
        extra = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}", "OTEL_BSP_SCHEDULE_DELAY": "300"}
        running = RunningSuite(servers_for(mode), extra=extra)
        try:
            yield running.start(), collector
        finally:
            running.dispose()


def test_a_click_is_one_tree_down_to_the_last_effect(traced: tuple[RunningSuite, Collector]) -> None:
    suite, collector = traced
    company = Company(suite.client(), sites=1)
    site = company.sites[0]
    company.receive(site, [(part["id"], 50) for part in company.parts])
    case = Case(company, site, patience=30).to_quoted()
    site.as_("agent")
    agent = Browser(suite.base, f"agent-{site.code}".lower(), PASSWORD)
    trace = agent.click(f"/work-orders/{case.id}/approve", {"approved_by": "李明"})
    # The approval reserves parts (inventory), and the reservation changes the order (orders) and every screen (gateway).
    approved, reserved = "aftersales.orders.work_order.quote_approved.v1", "aftersales.inventory.requisition.changed.v1"
    one_tree(collector, trace, {
        ("orders", f"send {approved}"), ("inventory", f"process {approved}"), ("gateway", f"process {approved}"),
        ("inventory", f"send {reserved}"), ("orders", f"process {reserved}"),
    })

    case.wait_for("in_repair", None)
    case.complete()
    site.as_("manager")
    manager = Browser(suite.base, f"manager-{site.code}".lower(), PASSWORD)
    trace = manager.click(f"/work-orders/{case.id}/check", {"passed": "true"})
    one_tree(collector, trace, {("finance", "process aftersales.orders.work_order.ready.v1")})

    case.pay()
    site.as_("cashier")
    cashier = Browser(suite.base, f"cashier-{site.code}".lower(), PASSWORD)
    trace = cashier.click(f"/work-orders/{case.id}/hand-over", {"received_by": "李明"})
    one_tree(collector, trace, {("callcenter", "process aftersales.orders.work_order.completed.v1")})

    assert {span.service for span in collector.spans} == {"console", "gateway", "orders", "inventory", "finance", "callcenter"}
    for personal in ("李明", case.customer["phone"], str(case.order["number"]), "agent-", PASSWORD, "Bearer"):
        assert not [span for span in collector.spans if personal in repr(span)], personal


def one_tree(collector: Collector, trace: str, effects: set[tuple[str, str]]) -> None:
    """The trace of a click reaches these effects (service, span), and every span of it hangs below the click."""

    def whole() -> bool:
        spans = collector.of(trace)
        known = {span.id for span in spans}
        roots = [span for span in spans if span.parent not in known]  # a parent not sent yet makes a root of its child
        return effects <= {(span.service, span.name) for span in spans} and [root.parent for root in roots] == [""]

    eventually(whole, f"one tree with {effects}", 30)
    known = {span.id: span for span in collector.of(trace)}
    [root] = [span for span in known.values() if span.parent not in known]
    [click] = [span for span in known.values() if (span.service, span.name) == ("console", "POST edits.act")]
    assert (root.service, root.parent) == ("gateway", "") and known[click.parent] == root
    for span in known.values():
        assert span.ended >= span.began >= known.get(span.parent, span).began > 1_000_000_000_000_000_000


def test_nothing_of_it_is_loaded_without_a_collector() -> None:
    program = ("import sys; from services.orders import http; from chassis.messaging import courier, relay; import console.http; "
               "from chassis.ops import trace\nwith trace.span(None, 'x'): pass\n"
               "print([m for m in sys.modules if m.startswith('opentelemetry')])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
