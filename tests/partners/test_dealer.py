"""A dealer's system places two hundred orders while it is killed, its key is changed, and the suite is killed and restarted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.partners import dealer
from tests.support.client import eventually
from tests.support.company import Company
from tests.support.suites import RunningSuite

ORDERS = 200
SCOPES = ["orders.work_order.create", "orders.work_order.read"]
PROGRAM = Path(dealer.__file__)


class Dealer:
    """The program as a process, and its journal read from outside."""

    def __init__(self, folder: Path, base: str, site_id: str, partner: dict[str, Any]) -> None:
        self._journal_file, self._config, self._log = folder / "journal.db", folder / "config.json", folder / "dealer.log"
        self._base, self._client_id = base, partner["client_id"]
        self.use(partner["client_secret"])
        self._run("plan", str(ORDERS), site_id).wait(60)
        self.journal = dealer.Journal(self._journal_file)
        assert self.journal.count("planned") == ORDERS
        self.process = self.start()

    def use(self, secret: str) -> None:
        """The operator puts a secret in place: the new file appears at once and whole."""
        fresh = self._config.with_suffix(".new")
        fresh.write_text(json.dumps({"base": self._base, "client_id": self._client_id, "client_secret": secret}))
        fresh.chmod(0o600)
        fresh.replace(self._config)

    def start(self) -> subprocess.Popen[bytes]:
        self.process = self._run("place", str(self._config))
        return self.process

    def _run(self, command: str, *rest: str) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ["PATH"], "DEALER_PER_SECOND": "25"}
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", str(PROGRAM), command, str(self._journal_file), *rest], env=environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def kill_in_flight(self) -> None:
        """Killed while an order is sent whose answer is not written down; again, where the first kill met it between two."""
        self.kill()
        while not self.journal.count("sent"):
            placed = self.journal.count("placed")
            self.start()
            self.placed(placed + 1)
            self.kill()

    def placed(self, at_least: int) -> int:
        """Waits until so many orders are placed; how many there are, which must not be all of them yet."""

        def enough() -> int:
            assert self.process.poll() is None, self._log.read_text()
            count = self.journal.count("placed")
            return count if count >= at_least else 0

        count = eventually(enough, f"{at_least} orders placed", within=120)
        assert count < ORDERS, "the story must happen while orders are placed"
        return count

    def finish(self) -> None:
        assert self.process.wait(180) == 0, self._log.read_text()


@pytest.mark.slow
def test_nothing_lost_nothing_doubled(own: RunningSuite, tmp_path: Path) -> None:
    admin = own.client(patience=60)
    company = Company(admin, sites=1)
    site = company.sites[0]
    partner = admin.created("/partners", {
        "name": "北方经销商", "org_unit_code": site.code, "scopes": SCOPES, "networks": ["127.0.0.0/8", "::1"],
        "expires_at": (datetime.now(UTC) + timedelta(days=90)).isoformat()})
    there = Dealer(tmp_path, own.base, site.id, partner)
    try:
        there.placed(25)
        there.kill_in_flight()
        there.start()
        there.placed(50)
        rotated = admin.call("POST", f"/partners/{partner['id']}/rotate-key", {"overlap_hours": 1}, key="rotation").json
        there.placed(60)  # under the old key, which is still valid
        there.use(rotated["client_secret"])
        body = {"key_id": partner["keys"][0]["key_id"]}
        assert admin.call("POST", f"/partners/{partner['id']}/revoke-key", body, key="revocation").ok
        there.placed(85)  # under the new one
        for name in ("gateway.http", "orders.http"):
            for process, pid in own.pids().items():
                if process.startswith(name):
                    os.kill(pid, signal.SIGKILL)
        there.placed(110)
        there.kill_in_flight()
        there.start()
        there.placed(130)
        own.stop()
        own.start()
        there.finish()
    finally:
        with suppress(ProcessLookupError):
            there.kill()
    check(there.journal, admin, site.id, partner)
    reconciled = own.here("reconcile", "--wait", "20")
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr


def check(journal: dealer.Journal, admin: Any, site_id: str, partner: dict[str, Any]) -> None:
    """The dealer's journal, the suite's orders and the call log tell the same."""
    told = {row[0]: (row[1], row[2]) for row in journal.rows("SELECT external_id, order_id, number FROM orders WHERE state = 'placed'")}
    found = list(admin.pages("/work-orders", site_id=site_id))
    assert len(told) == len(found) == ORDERS
    assert {order["external_id"]: (order["id"], order["number"]) for order in found} == told
    assert {order["created_by"] for order in found} == {f"partner:{partner['client_id']}"}
    calls = list(admin.pages("/partner-calls", partner_id=partner["id"], operation="orders.repairs.create"))
    tries = sum(row[0] for row in journal.rows("SELECT tries FROM orders"))
    assert sum(call["status"] in (201, 0) for call in calls) >= ORDERS, "0: done, but the answer was lost with a process"
    assert {call["status"] for call in calls} <= {201, 0, 400, 503}, "400: the dealer died in the middle of a body"
    assert tries > ORDERS, "something was in flight when the dealer was killed"
    assert len({call["key_id"] for call in calls}) == 2, "both keys were used"
