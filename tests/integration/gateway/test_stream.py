"""`GET /streams/me` on two processes: scope, order, resuming without loss, and the end with the session."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from chassis.messaging.inbox import Outcome
from gateway.streams import stream_event
from tests.integration.gateway.conftest import Branch, Caller, Gateway
from tests.integration.gateway.test_parties import party, person
from tests.integration.gateway.test_sign_in import refused


class Reader:
    """An open stream; messages are (id, event, data)."""

    def __init__(self, caller: Caller, last_id: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {caller.token}"} | ({"Last-Event-ID": last_id} if last_id else {})
        self.answer = requests.get(f"{caller.base}/api/v1/streams/me", headers=headers, stream=True, timeout=20)
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.headers["content-type"].startswith("text/event-stream")
        self.last_id = last_id
        self.lines = self.answer.iter_lines(chunk_size=1)

    def __iter__(self) -> Iterator[tuple[str, str, Any]]:
        fields: dict[str, str] = {}
        for line in self.lines:
            name, _, value = line.decode().partition(": ")
            if line:
                fields[name] = value
                continue
            self.last_id = fields.get("id", self.last_id)
            if "event" in fields:
                yield fields["id"], fields["event"], json.loads(fields["data"])
            fields = {}

    def take(self, count: int) -> list[tuple[str, str, Any]]:
        return [message for _, message in zip(range(count), self, strict=False)]

    def close(self) -> None:
        self.answer.close()


def tell(gateway: Gateway, path: str, order_id: uuid.UUID, *versions: int) -> None:
    for version in versions:
        verb = "registered" if version == 1 else "started"
        assert gateway.order_changed(verb, version, path, order_id) is Outcome.DONE


def test_scope_and_shape(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    other = Branch(admin, gateway)
    caller = gateway.as_(branch.user(["agent"])["username"])
    above = gateway.as_(branch.user(["agent"], unit=branch.code)["username"], process=1)
    with contextlib.closing(Reader(caller)) as reader, contextlib.closing(Reader(above)) as over:
        foreign, own = uuid.uuid4(), uuid.uuid4()
        tell(gateway, other.site_path, foreign, 1)
        tell(gateway, branch.site_path, own, 1, 2)
        for stream in (reader, over):
            messages = stream.take(2)
            assert [data["version"] for _, _, data in messages] == [1, 2]
            assert {event for _, event, _ in messages} == {"work_order.changed"}
            assert set(messages[0][2]) == {"id", "number", "state", "version"} and messages[0][2]["id"] == str(own)
            assert messages[0][2]["state"] == "registered" and messages[1][2]["state"] == "in_repair"


def test_a_dealer_is_told_of_its_orders_only(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """As it happens in both processes, and when it resumes; without a dealer or with another the order is nobody's here."""
    dealer, rival = party(admin), party(admin)
    name = person(admin, dealer)["username"]
    callers = [gateway.as_(name, process=process) for process in (0, 1)]
    own, others = uuid.uuid4(), [uuid.uuid4(), uuid.uuid4()]
    with contextlib.closing(Reader(callers[0])) as here, contextlib.closing(Reader(callers[1])) as there:
        beginning = next(line for line in here.lines if line.startswith(b"id: ")).decode().removeprefix("id: ")
        gateway.order_changed("registered", 1, branch.site_path, others[0], rival["id"])
        gateway.order_changed("registered", 1, branch.site_path, others[1])
        gateway.order_changed("registered", 1, branch.site_path, own, dealer["id"])
        for reader in (here, there):
            assert [data["id"] for _, _, data in reader.take(1)] == [str(own)]
    gateway.order_changed("started", 2, branch.site_path, own, dealer["id"])
    with contextlib.closing(Reader(callers[1], beginning)) as resumed:
        assert [(data["id"], data["version"]) for _, _, data in resumed.take(2)] == [(str(own), 1), (str(own), 2)]


def test_whom_an_order_leaves_is_told_as_well(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """Its former site and its former customer have it on their pages: they are told, and find it there no more."""
    other, wrong, right = Branch(admin, gateway), str(uuid.uuid4()), str(uuid.uuid4())
    callers = [gateway.as_(each.user(["agent"])["username"]) for each in (branch, other)]
    callers += [gateway.as_(person(admin, party(admin, "customer", customer_id=one), ["customer"])["username"]) for one in (wrong, right)]
    order, moved = uuid.uuid4(), {"corrected": ["site_id", "customer_id"], "former_path": branch.site_path, "former_customer_id": wrong}
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(contextlib.closing(Reader(caller))) for caller in callers]
        gateway.order_changed("registered", 1, branch.site_path, order, customer_id=wrong)
        gateway.order_changed("corrected", 2, other.site_path, order, customer_id=right, **moved)
        gateway.order_changed("corrected", 3, other.site_path, order, customer_id=right, corrected=["problem"])
        versions = [[data["version"] for _, _, data in reader.take(count)] for reader, count in zip(readers, (2, 2, 2, 2), strict=True)]
    assert versions == [[1, 2], [2, 3], [1, 2], [2, 3]]


def test_who_may_not_read_orders_is_told_of_none(gateway: Gateway, branch: Branch) -> None:
    """Neither as it happens nor when he resumes; somebody of the same unit who may is told in between."""
    nobody, reader = (gateway.as_(branch.user(roles)["username"]) for roles in ([], ["agent"]))
    with contextlib.closing(Reader(reader)) as told, contextlib.closing(Reader(nobody)) as blind:
        beginning = next(line for line in blind.lines if line.startswith(b"id: ")).decode().removeprefix("id: ")
        tell(gateway, branch.site_path, uuid.uuid4(), 1, 2)
        assert len(told.take(2)) == 2
    with contextlib.closing(Reader(nobody, beginning)) as again:
        heard = again.answer.raw.read1(10_000)
    assert b"work_order" not in heard and b"retry" in heard


def test_cookie_opens_a_stream(gateway: Gateway, admin: Caller) -> None:
    answer = requests.get(
        f"{gateway.bases[0]}/api/v1/streams/me", headers={"Cookie": f"aftersales_token={admin.token}"}, stream=True, timeout=5
    )
    assert answer.status_code == 200
    answer.close()


def test_resume_at_the_other_process(gateway: Gateway, branch: Branch) -> None:
    user = branch.user(["agent"])["username"]
    here, there = gateway.as_(user), gateway.as_(user, process=1)
    order = uuid.uuid4()
    with contextlib.closing(Reader(here)) as reader:
        tell(gateway, branch.site_path, order, 1, 2)
        reader.take(2)
        last = reader.last_id
    tell(gateway, branch.site_path, order, *range(3, 9))
    with contextlib.closing(Reader(there, last)) as reader:
        missed = reader.take(6)
        tell(gateway, branch.site_path, order, 9)
        assert [data["version"] for _, _, data in missed + reader.take(1)] == list(range(3, 10))
        ids = [int(id) for id, _, _ in missed]
        assert ids == sorted(set(ids)) and ids[0] > int(str(last))


def test_a_stream_without_events_can_be_resumed(gateway: Gateway, branch: Branch) -> None:
    """The place is told at once, so that nothing is lost between opening and the first event."""
    caller = gateway.as_(branch.user(["agent"])["username"])
    reader = Reader(caller)
    for line in reader.lines:
        if line.startswith(b"id: "):
            reader.last_id = line.decode()[4:]
            break
    reader.close()
    tell(gateway, branch.site_path, uuid.uuid4(), 1)
    with contextlib.closing(Reader(caller, reader.last_id)) as again:
        assert again.take(1)[0][1] == "work_order.changed"


def test_reset(gateway: Gateway, branch: Branch) -> None:
    caller = gateway.as_(branch.user(["agent"])["username"])
    order = uuid.uuid4()
    tell(gateway, branch.site_path, order, 1)
    with contextlib.closing(Reader(caller)) as reader:
        tell(gateway, branch.site_path, order, 2)
        # A process that has not heard of the first event yet may still tell it.
        last = next(id for id, _, data in iter(lambda: reader.take(1)[0], None) if data["version"] == 2)
    gateway.write("UPDATE stream_events SET at = at - interval '25 hours' WHERE id <= :last", last=int(last))
    with gateway.database.uow() as uow:
        from datetime import timedelta

        stream_event.forget(uow, uow.now - timedelta(hours=24))
    too_old = str(int(last) - 1)
    for bad in (too_old, "999999999999", "nonsense", "-1", "\u00b2", "1" * 40):
        with contextlib.closing(Reader(caller, bad.encode("utf-8").decode("latin-1"))) as reader:
            assert reader.take(1)[0][1] == "reset", bad
    with contextlib.closing(Reader(caller, last)) as reader:
        tell(gateway, branch.site_path, order, 3)
        assert reader.take(1)[0][2]["version"] == 3, "the last one forgotten is the oldest place to resume from"


def test_stale_and_repeated_facts_are_not_told(gateway: Gateway, branch: Branch) -> None:
    caller = gateway.as_(branch.user(["agent"])["username"])
    order = uuid.uuid4()
    with contextlib.closing(Reader(caller)) as reader:
        tell(gateway, branch.site_path, order, 1, 3, 2, 3, 4)
        assert [data["version"] for _, _, data in reader.take(3)] == [1, 3, 4]


@pytest.mark.slow
def test_nothing_is_lost_under_concurrent_writers(gateway: Gateway, branch: Branch) -> None:
    """Ids are visible in their order: a reader that always resumes from the last id misses none of 120."""
    caller = gateway.as_(branch.user(["agent"])["username"])
    orders = [uuid.uuid4() for _ in range(120)]
    seen: list[str] = []
    reader = Reader(caller)
    for line in reader.lines:
        if line.startswith(b"id: "):
            last: str | None = line.decode()[4:]
            break
    reader.close()
    writers = threading.Thread(target=lambda: list(
        ThreadPoolExecutor(6).map(lambda order: gateway.order_changed("registered", 1, branch.site_path, order), orders)))
    writers.start()
    deadline = time.monotonic() + 20
    while len(seen) < len(orders) and time.monotonic() < deadline:
        reader = Reader(Caller(gateway.bases[len(seen) % 2], caller.token), last)
        for id, event, data in reader.take(min(7, len(orders) - len(seen))):
            assert event == "work_order.changed"
            seen.append(data["id"])
            last = id
        reader.close()
    writers.join()
    assert sorted(seen) == sorted(map(str, orders))


@pytest.mark.slow
def test_the_stream_ends_with_the_session(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    user = branch.user(["agent"])
    for end in ("logout", "disabled", "rights"):
        admin.call("PATCH", f"/users/{user['id']}", {"active": True, "roles": ["agent"]})
        caller = gateway.as_(user["username"])
        reader = Reader(Caller(gateway.bases[1], caller.token))
        began = time.monotonic()
        if end == "logout":
            caller.call("POST", "/auth/logout", {})
        else:
            change = {"active": False} if end == "disabled" else {"roles": ["cashier"]}
            admin.call("PATCH", f"/users/{user['id']}", change)
        assert list(reader) == [] and time.monotonic() - began < 10, end


def test_a_session_outlives_a_broken_database_connection(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """The listener is cut off: what happened meanwhile is made up for."""
    caller = gateway.as_(branch.user(["agent"])["username"])
    victim = gateway.as_(branch.user(["agent"])["username"])
    order = uuid.uuid4()
    with contextlib.closing(Reader(caller)) as reader:
        cut = ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               " WHERE application_name = 'gateway.listener' AND datname = current_database()")
        assert [row[0] for row in gateway.rows(cut)] == [True, True]
        tell(gateway, branch.site_path, order, 1)
        victim.call("POST", "/auth/logout", {})
        assert reader.take(1)[0][2]["id"] == str(order)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and Caller(gateway.bases[1], victim.token).call("GET", "/me").status_code != 401:
        time.sleep(0.05)
    for base in gateway.bases:
        refused(Caller(base, victim.token).call("GET", "/me"), 401, "unauthenticated")


def test_command_line_token(gateway: Gateway, branch: Branch) -> None:
    caller = Caller(gateway.bases[0], gateway.forge(sub="cli", username="cli", sid=f"cli-{uuid.uuid4()}", epoch=0))
    assert caller.call("GET", "/me").json()["username"] == "cli"
    with contextlib.closing(Reader(caller)) as reader:
        tell(gateway, branch.site_path, uuid.uuid4(), 1)
        assert reader.take(1)[0][1] == "work_order.changed"
