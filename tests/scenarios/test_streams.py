"""Server-sent events: what happens in the caller's scope, resumed without loss by Last-Event-ID."""

import http.client
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.case import Case
from tests.support.client import Client
from tests.support.company import Company

pytestmark = pytest.mark.modes("servers")


class Stream:
    """One open stream; ``until`` reads messages (id, event, data) until one of an order is there."""

    def __init__(self, client: Client, last_id: str | None = None) -> None:
        client.get("/me")
        self.connection = http.client.HTTPConnection(client.host, client.port, timeout=20)
        headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        self.connection.request("GET", "/api/v1/streams/me", headers=headers)
        self.reply = self.connection.getresponse()
        assert self.reply.status == 200, self.reply.read()
        assert self.reply.getheader("Content-Type", "").startswith("text/event-stream")

    def messages(self) -> Iterator[tuple[str, str, str]]:
        fields: dict[str, str] = {}
        while line := self.reply.readline().decode():
            if line.strip() == "":
                if "data" in fields or "event" in fields:
                    yield fields.get("id", ""), fields.get("event", "message"), fields.get("data", "")
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.rstrip("\r\n").partition(":")
                fields[name] = value.removeprefix(" ")

    def until(self, order_id: str, state: str) -> list[tuple[str, dict[str, object]]]:
        """(id, data) of the order's messages up to the one that tells the state."""
        seen: list[tuple[str, dict[str, object]]] = []
        for id_, event, data in self.messages():
            if event == "work_order.changed" and json.loads(data)["id"] == order_id:
                seen.append((id_, json.loads(data)))
                if seen[-1][1]["state"] == state:
                    return seen
        raise AssertionError(f"the stream ended before {state}")

    def close(self) -> None:
        self.connection.close()


def test_changes_of_the_own_scope_only(company: Company):
    a, b = company.sites[0], company.sites[1]
    with closing(Stream(a.as_("manager"))) as stream:
        foreign = Case(company, b).register()
        own = Case(company, a).register()
        own.start()
        everything = []
        for id_, event, data in stream.messages():
            if event != "work_order.changed":
                continue
            everything.append(json.loads(data))
            assert id_
            if everything[-1]["id"] == own.id and everything[-1]["state"] == "in_repair":
                break
    assert {"id", "number", "state", "version"} == set(everything[-1])
    assert everything[-1]["number"] == own.order["number"]
    assert everything[-1]["version"] == own.order["version"]
    assert foreign.id not in {item["id"] for item in everything}


def test_resume_without_loss(company: Company):
    case = Case(company).register()
    client = case.site.as_("manager")
    with closing(Stream(client)) as stream:
        case.assign()
        last, known = stream.until(case.id, "registered")[-1]
    case.start().diagnose().quote()
    case.act("agent", "cancel", {"reason": "seen afterwards"})
    with closing(Stream(client, last)) as stream:
        seen = stream.until(case.id, "cancelled")
    versions = [data["version"] for _, data in seen]
    assert versions == list(range(known["version"] + 1, case.order["version"] + 1)), "in order, none twice, none missing"


def test_an_unknown_id_resets(company: Company):
    client = company.sites[0].as_("manager")
    for last in ("0", "1", str(uuid.UUID(int=0)), "nonsense"):
        with closing(Stream(client, last)) as stream:
            Case(company).register()
            first = next(iter(stream.messages()))
        assert first[1] in ("reset", "work_order.changed"), first
        if last == "nonsense":
            assert first[1] == "reset"


def test_no_stream_without_token(company: Company):
    stranger = Client(company.admin.base)
    stranger.refused("GET", "/streams/me", status=401, code="unauthenticated")


@pytest.mark.slow
def test_many_readers_do_not_hold_up_writers(company: Company):
    client = company.sites[0].as_("manager")
    streams = [Stream(client) for _ in range(50)]
    try:
        began = time.monotonic()
        case = Case(company).register().start()
        assert time.monotonic() - began < 10
        for stream in streams:
            stream.until(case.id, "in_repair")
    finally:
        for stream in streams:
            stream.close()
