"""An upgrade: the release before works, stops, this release migrates its databases and goes on with what it left, in the
databases and in the queues. (Without standing still it is not promised before events and tables have settled: docs/operating.md.)"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from deploy.process import SERVICES
from tests.conftest import servers_for
from tests.operation.test_backup import silent
from tests.support.campaign import Campaign
from tests.support.case import Case
from tests.support.client import eventually
from tests.support.company import Company
from tests.support.suites import ROOT, RunningSuite

VERSION_BEFORE = "6d3002283e3832f800c6e0383670ed1d90f71d2b"
NEEDED = ("aftersales", "deploy/local/cli.py", "gateway/app.py", *(f"services/{name}/app.py" for name in SERVICES))
KEPT = ("id", "secrets.json", "signing-key.pem", "jwks.json", "keyring.json")
CALLERS = 2


def git(*words: str) -> str | None:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


def release_before() -> str | None:
    """The last tag; as long as nothing is tagged, the version whose data are kept (tests/before)."""
    for commit in (git("describe", "--tags", "--abbrev=0"), VERSION_BEFORE, "HEAD^1"):
        if commit and all(git("cat-file", "-t", f"{commit}:{path}") == "blob" for path in NEEDED):
            return commit
    return None


@pytest.fixture(scope="module")
def before() -> Iterator[Path]:
    """The code of the release before, from this repository's history."""
    commit = release_before() if shutil.which("git") else None
    if commit is None:
        pytest.skip("no history of this repository, so no release before this one")
    folder = Path(tempfile.mkdtemp(prefix="aftersales-before-")) / "code"
    assert git("worktree", "add", "--detach", "--force", str(folder), commit) or folder.is_dir()
    try:
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))
        shutil.rmtree(folder.parent, ignore_errors=True)


class SuiteBefore(RunningSuite):
    """The release before, with the libraries of this one."""

    command: ClassVar[list[str]] = [sys.executable, "-P", "-m", "deploy.local.cli"]
    code: Path

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "PYTHONPATH": str(self.code)}


class Load:
    """Clients that carry out cases until told to stop. None of them repeats a call: whatever is not answered as it should be
    is a failure."""

    def __init__(self, company: Company) -> None:
        self.campaign, self.done = Campaign(company, 0, patience=30.0), 0
        self.failures: list[BaseException] = []
        self._stop, self._lock, self._next = threading.Event(), threading.Lock(), 0
        self._threads = [threading.Thread(target=self._work) for _ in range(CALLERS)]

    def _work(self) -> None:
        while not self._stop.is_set() and not self.failures:
            with self._lock:
                self._next += 1
                number = self._next
            try:
                self.campaign.run(number)
            except BaseException as failure:
                self.failures.append(failure)
            else:
                self.done += 1

    def reach(self, cases: int) -> None:
        """Returns when so many more are through."""
        wanted = self.done + cases
        eventually(lambda: self.failures or self.done >= wanted, f"{cases} more cases", 240)
        assert self.failures == []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(240)
        assert self.failures == []


def company_at(suite: RunningSuite) -> Company:
    company = Company(suite.client())
    for site in company.sites:
        company.receive(site, [(part["id"], 500) for part in company.parts])
    return company


def under_way(suite: RunningSuite, company: Company) -> list[Case]:
    """Cases of whose last step nobody has heard when the suite stops: parts to reserve, a bill to make, a payment to know of."""
    asked, done, owing = cases = [Case(company, patience=30.0) for _ in range(3)]
    asked.to_quoted()
    done.to_quoted().approve().complete()
    owing.to_ready().billed()
    with silent(suite):
        asked.approve()
        done.check()
        owing.pay()
        assert done.site.as_("cashier").get("/bills", work_order_id=done.id)["items"] == []
        assert suite.stop() == 0  # what does not move is killed by its supervisor
    return cases


def at(suite: RunningSuite, case: Case) -> Case:
    """The case with its people, who now talk to another suite."""
    for client in (case.company.admin, *case.site.clients.values()):
        client.base, client.port, client.token = suite.base, suite.port, None
    return case


@pytest.mark.timeout(1800)
def test_this_release_goes_on_where_the_one_before_stopped(before: Path, many: bool) -> None:
    servers = servers_for("servers")
    old = SuiteBefore(servers)
    old.code = before
    new = RunningSuite(servers)
    new.prefix = old.prefix
    share = 12 if many else 2
    try:
        old.start()
        company = company_at(old)
        with (load := Load(company)).going_on():
            load.reach(share)
        cases = under_way(old, company)
        # The same installation: its secrets, its databases, its queues; another folder only for its own pids and logs.
        new.data.mkdir(parents=True)
        for name in KEPT:
            shutil.copy(old.data / name, new.data / name)
        new.start()
        for case in cases:
            assert at(new, case).finish().order["state"] == "audited"
        with (load := Load(company_at(new))).going_on():
            load.reach(share)
        examined = new.run("reconcile", "--wait", "60")
        assert examined.returncode == 0, examined.stdout + examined.stderr
        assert "nothing is parked" in new.run("parked").stdout
    finally:
        try:
            old.stop()
        finally:
            new.dispose()
            if old.root is not None:
                shutil.rmtree(old.root, ignore_errors=True)
