"""Backup while cases run and messages are on their way, then a time that is thrown away, then restore: what was accepted
before the backup is there, what came after is not, and every case goes on to its end (G-23)."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import real_servers, servers_for
from tests.scenarios.test_load import assert_sound
from tests.support.campaign import Campaign
from tests.support.case import Case
from tests.support.client import eventually, problem
from tests.support.company import ROLES, Company
from tests.support.databases import owner
from tests.support.suites import RunningSuite, aftersales


@pytest.fixture
def own(mode: str) -> Iterator[RunningSuite]:
    running = RunningSuite(servers_for(mode)).start()
    try:
        yield running
    finally:
        running.dispose()


@contextmanager
def silent(suite: RunningSuite) -> Iterator[None]:
    """Nobody handles events: on servers they gather in the broker's queues, embedded in the outboxes."""
    pids = [pid for name, pid in suite.pids().items() if ".worker" in name or name == "courier"]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):  # its supervisor may have lost patience
                os.kill(pid, signal.SIGCONT)


class Shift(Campaign):
    """Cases begun one after another by several clients until told to stop; each is left where it then is."""

    def __init__(self, company: Company, clients: int = 3) -> None:
        super().__init__(company, cases=0, patience=30.0)
        self.begun: list[Case] = []
        self.failures: list[BaseException] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _work(self) -> None:
        try:
            while not self.over.is_set():
                case = Case(self.company, self.company.sites[len(self.begun) % len(self.company.sites)], patience=30.0)
                self.begun.append(case.register())
                case.assign().start().diagnose().quote().approve()
                if len(self.begun) % 2:
                    case.complete().check().pay("100.00")
        except BaseException as failure:
            self.failures.append(failure)

    def end(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        assert not self.failures, self.failures


@pytest.mark.long  # a backup of a release before is restored and goes on in each run (tests/before)
def test_restored_with_messages_in_flight(own: RunningSuite, tmp_path: Path):
    client = own.client(patience=60.0)
    company = Company(client)
    for site in company.sites:
        company.receive(site, [(part["id"], 500) for part in company.parts])
        for role in ROLES:  # users made later would be gone with the time that is thrown away
            site.as_(role)
    shift = Shift(company)
    eventually(lambda: len(shift.begun) >= 8 or shift.failures, "cases under way", 30)
    with silent(own):
        time.sleep(0.5)
        before = {case.id: case.order["version"] for case in list(shift.begun)}
        saved = own.run("backup", str(tmp_path))
    assert saved.returncode == 0, saved.stdout + saved.stderr
    paused = float(re.search(r"paused ([\d.]+) s", saved.stdout)[1])  # type: ignore[index]
    assert paused < 10
    [file] = tmp_path.glob("*.backup")
    assert file.stat().st_mode & 0o777 == 0o600
    shift.end()
    assert_checked(own, file)
    assert len(before) >= 4

    # The time that will not have been: its messages are still on their way when the suite stops.
    lost = [Case(company, patience=30.0).register() for _ in range(2)]
    with silent(own):
        for case in lost:
            case.start().diagnose().quote().approve()
        assert own.run("restore", str(file), "--yes").returncode == 2, "the suite is up"
        assert own.stop() == 0  # what does not move is killed by its supervisor

    refused = own.run("restore", str(file))
    assert refused.returncode == 2 and "--yes" in refused.stderr
    restored = own.run("restore", str(file), "--yes")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    if own.servers is not None:
        assert int(re.search(r"(\d+) events will be sent again", restored.stdout)[1]) > 0  # type: ignore[index]
    own.start()

    there = [case for case in shift.begun if company.admin.call("GET", f"/work-orders/{case.id}").status == 200]
    assert set(before) <= {case.id for case in there}
    for case in there:
        assert case.reload()["version"] >= before.get(case.id, 0)
    for case in lost:
        problem(company.admin.call("GET", f"/work-orders/{case.id}"), 404, "not_found", {})
    for case in there:
        case.finish()
        bills = company.admin.get("/bills", work_order_id=case.id)["items"]
        assert [(bill["customer_total"], bill["state"]) for bill in bills] == [(str(case.total), "settled")]
    Case(company, patience=30.0).register().finish()
    assert_sound(own, wait=60)
    known = {row[0] for row in owner(own, "orders", "SELECT id::text FROM work_orders")}
    heard = {row[0] for row in owner(own, "inventory", "SELECT work_order_id::text FROM requisitions")}
    assert heard <= known, "a message of the time that was thrown away was handled"


def assert_checked(suite: RunningSuite, file: Path) -> None:
    """The test of a backup, beside the running suite."""
    told = suite.run("restore", str(file), "--check")
    assert told.returncode == 0 and "0 offend" in told.stdout, told.stdout + told.stderr


@pytest.mark.long
def test_moving_to_a_new_place_and_beginning_anew(own: RunningSuite, tmp_path: Path):
    """From the embedded suite to servers and back, into an empty system without a question; `init` empties a confirmed one;
    sessions of before are over."""
    company = Company(own.client(), sites=1)
    company.receive(company.sites[0], [(part["id"], 10) for part in company.parts])
    case = Case(company, patience=30.0).to_ready()
    old_token = company.admin.token
    assert own.run("backup", str(tmp_path / "saved"), "--keep", "3").returncode == 2, "--keep is for folders"
    for _ in range(3):
        assert own.run("backup", str(tmp_path), "--keep", "2").returncode == 0
        time.sleep(1.1)
    assert len(list(tmp_path.glob("*.backup"))) == 2
    assert own.run("backup", str(next(tmp_path.glob("*.backup")))).returncode == 2, "nothing is overwritten"
    own.stop()
    assert own.run("init").returncode == 2
    assert own.run("reconcile", "--wait", "0").returncode == 0

    other = RunningSuite(None if own.servers else real_servers()[0])
    try:
        assert other.run("restore", str(tmp_path)).returncode == 2, "another suite's ring does not open it"
        moved = other.run("restore", str(tmp_path), "--keys", str(own.data / "keyring.json"))
        assert moved.returncode == 0, moved.stdout + moved.stderr
        other.start()
        company.admin.base, company.admin.port = other.base, other.port
        for each in company.sites[0].clients.values():
            each.base, each.port = other.base, other.port
        company.admin.token = old_token
        assert company.admin.call("GET", "/me", headers={"Authorization": f"Bearer {old_token}"}).status == 401
        case.pay().hand_over().revisit().audit()
        assert_sound(other)
        other.stop()
        assert other.run("init", "--yes").returncode == 0
        other.start()
        assert other.client().get("/work-orders", total="true")["total"] == 0
        assert_sound(other)
    finally:
        other.dispose()


def test_nothing_is_begun_that_cannot_be_ended(tmp_path: Path):
    assert aftersales("backup", str(tmp_path), "--data", str(tmp_path / "none")).returncode == 2
    assert aftersales("restore", str(tmp_path), "--data", str(tmp_path / "none")).returncode == 2
    (tmp_path / "x.backup").write_text("hello")
    refused = aftersales("restore", str(tmp_path / "x.backup"), "--data", str(tmp_path / "none"))
    assert refused.returncode == 2 and "no backup" in refused.stderr
    assert not (tmp_path / "none").exists()
    half = tmp_path / "half"
    half.mkdir()
    (half / "replacing").touch()
    cut_off = aftersales("up", "--data", str(half), "--port", "0")
    assert cut_off.returncode == 2 and "run it again" in cut_off.stderr
