"""SIGTERM under load: what is in hand is finished and answered, what comes later is refused, nothing accepted is lost."""

import http.client
import json
import os
import random
import signal
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.scenarios.test_load import assert_sound
from tests.support.case import Case
from tests.support.client import Client
from tests.support.company import Company
from tests.support.suites import RunningSuite

pytestmark = pytest.mark.slow
ANSWERED, REFUSED, BROKEN = "answered", "refused", "broken"


@dataclass
class Attempt:
    """One new customer, as its caller saw it. ``broken``: the connection was made, the answer never came."""

    name: str
    outcome: str = ""
    status: int = 0
    seconds: float = 0.0


class Callers:
    """Clients without any patience, each call on a connection of its own, until told to stop or refused."""

    def __init__(self, client: Client, count: int = 6) -> None:
        client.get("/me")
        self.client, self.token = client, client.token
        self.attempts: list[Attempt] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _work(self) -> None:
        while not self.over.is_set():
            attempt = Attempt(f"C {uuid.uuid4().hex}")
            self.attempts.append(attempt)
            began = time.monotonic()
            self._call(attempt)
            attempt.seconds = time.monotonic() - began
            if attempt.outcome == REFUSED:
                return

    def _call(self, attempt: Attempt) -> None:
        connection = http.client.HTTPConnection(self.client.host, self.client.port, timeout=30)
        try:
            connection.connect()
        except OSError:
            attempt.outcome = REFUSED
            return
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": attempt.name}
        try:
            connection.request("POST", "/api/v1/customers", json.dumps({"name": attempt.name}), headers)
            answer = connection.getresponse()
            answer.read()
            attempt.outcome, attempt.status = ANSWERED, answer.status
        except (OSError, http.client.HTTPException):
            attempt.outcome = BROKEN
        finally:
            connection.close()

    def end(self, within: float = 60.0) -> Counter[tuple[str, int]]:
        self.over.set()
        for thread in self.threads:
            thread.join(within)
        return Counter((attempt.outcome, attempt.status) for attempt in self.attempts)


def kept(client: Client) -> Counter[str]:
    return Counter(item["name"] for item in client.pages("/customers"))


@pytest.mark.modes("servers")
def test_the_whole_suite(own: RunningSuite):
    """Answered or refused; an answer is never lost, a call without an answer left nothing behind."""
    company = Company(own.client(), sites=1)
    waiting = Case(company, quantities=[(company.part(), 1)]).to_quoted().approve()
    callers = Callers(own.client())
    time.sleep(1.0)
    gate: list[tuple[int, str | None]] = []

    def complete() -> None:  # waits up to 3 s for parts that nobody has, then is refused: it is in hand when the stop comes
        answer = waiting.attempt("technician", "complete", {"work_done": "x"})
        gate.append((answer.status, answer.code))

    patient = threading.Thread(target=complete)
    patient.start()
    time.sleep(0.5)
    assert own.process is not None
    began = time.monotonic()
    own.process.send_signal(signal.SIGTERM)
    assert own.process.wait(25) == 0
    assert time.monotonic() - began < 20
    patient.join()
    assert gate == [(409, "parts_not_issued")]
    outcomes = callers.end()
    assert outcomes[ANSWERED, 201] > 10 and {outcome for outcome, _ in outcomes} >= {ANSWERED, REFUSED}, outcomes
    assert all(status == 201 for outcome, status in outcomes if outcome == ANSWERED), outcomes

    own.start()
    there = kept(own.client())
    for attempt in callers.attempts:
        assert there[attempt.name] == (attempt.outcome == ANSWERED), attempt
    late = [attempt for attempt in callers.attempts if attempt.outcome == BROKEN]
    assert len(late) <= len(callers.threads) and all(attempt.seconds < 3.0 for attempt in late), f"left hanging: {late}"
    assert_sound(own)


@pytest.mark.modes("servers")
def test_each_process_by_itself(own: RunningSuite):
    """A process that is asked to end is replaced without anybody noticing more than a short wait."""
    company = Company(own.client(patience=30.0), sites=1)
    company.receive(company.sites[0], [(part["id"], 100) for part in company.parts])
    names = [name for name in own.pids() if name not in ("supervisor", "postgres")]
    random.Random(7).shuffle(names)
    callers = Callers(own.client(), 3)
    cases: list[Case] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not callers.over.is_set():
                cases.append(Case(company, patience=30.0).walk("100.00", "114.81"))
        except BaseException as failure:
            failures.append(failure)

    worker = threading.Thread(target=work)
    worker.start()
    replaced = 0
    for name in names:
        pid = own.pids().get(name)
        if pid is None:
            continue
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while own.pids().get(name) in (None, pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        replaced += own.pids().get(name) not in (None, pid)
        time.sleep(0.3)
    outcomes = callers.end()
    worker.join(60)
    assert not failures, failures
    assert replaced == len(names)
    assert set(outcomes) == {(ANSWERED, 201)}, outcomes
    there = kept(own.client())
    assert all(there[attempt.name] == 1 for attempt in callers.attempts)
    assert cases and all(case.order["state"] == "audited" for case in cases)
    assert_sound(own)
