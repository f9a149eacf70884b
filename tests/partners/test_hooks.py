"""A dealer's system end to end: it places orders in bulk and is told what becomes of them, through its own restarts and ours.
In the end its picture of every order is ours, each delivery was handled once, and of no document it heard the new before the old."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.partners import hooks
from tests.partners.test_dealer import ORDERS, SCOPES, Dealer
from tests.support.client import eventually
from tests.support.company import Company
from tests.support.suites import RunningSuite, free_port

PROGRAM = Path(hooks.__file__)


class Hooks:
    """The program as a process, and its journal read from outside."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._journal, self._secrets, self._log = folder / "hooks.db", folder / "secrets", folder / "hooks.log"
        self._secrets.touch(mode=0o600)
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def use(self, *secrets: str) -> None:
        fresh = self._secrets.with_suffix(".new")
        fresh.write_text("\n".join(secrets))
        fresh.replace(self._secrets)

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "HOOKS_BEFORE_ANSWER": "0.05"}
        arguments = [str(self._journal), str(self.port), str(self._secrets)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(PROGRAM), *arguments], env=environment, stdout=log, stderr=log
            )
        eventually(lambda: self.post(b"{}") == 401, "the dealer's end listens")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def post(self, body: bytes, **headers: str) -> int:
        """A call by somebody who does not have the secret."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body, named), timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def rows(self, statement: str, *values: Any) -> list[Any]:
        with closing(hooks.open_journal(self._journal)) as connection:
            return connection.execute(statement, values).fetchall()

    def heard(self, at_least: int) -> None:
        eventually(lambda: self.rows("SELECT count(*) FROM handled")[0][0] >= at_least, f"{at_least} deliveries", 120)

    @property
    def picture(self) -> dict[str, tuple[str, int]]:
        return {row[0]: (row[1], row[2]) for row in self.rows("SELECT subject, state, sequence FROM documents")}


@pytest.mark.slow
def test_the_dealers_picture_is_ours(own: RunningSuite, tmp_path: Path) -> None:
    admin = own.client(patience=60)
    site = Company(admin, sites=1).sites[0]
    assert admin.call("PUT", "/parameters/webhook.first_pause_seconds", {"value": 1}, key="pause").ok
    partner = admin.created("/partners", {
        "name": "北方经销商", "org_unit_code": site.code, "scopes": SCOPES, "networks": ["127.0.0.0/8"],
        "expires_at": (datetime.now(UTC) + timedelta(days=90)).isoformat()})
    there = Hooks(tmp_path)
    webhook = admin.created("/webhooks", {
        "name": "北方经销商", "url": there.url, "events": ["aftersales.orders.work_order.*"], "org_unit_code": site.code})
    there.use(webhook["secret"])
    dealer = Dealer(tmp_path, own.base, site.id, partner)
    try:
        there.heard(20)
        there.kill()  # its end is away for a while, most likely with calls that it has handled and not answered
        time.sleep(1.5)
        there.start()
        there.heard(40)
        for name, pid in own.pids().items():
            if name.startswith(("gateway.sender", "courier", "gateway.worker")):
                os.kill(pid, signal.SIGKILL)
        there.heard(60)
        turned = admin.call("POST", f"/webhooks/{webhook['id']}/rotate-secret", {"overlap_hours": 1}, key="turn").json
        there.heard(80)  # under the secret it knows
        there.use(turned["secret"])
        there.kill()
        own.stop()
        own.start()
        there.start()
        dealer.finish()
        orders = work_on(admin, site, there)
        eventually(lambda: there.picture == orders, "the dealer's picture is ours", 120)
        # What it handled and could not answer any more is told once more when the claim of that call has run out.
        eventually(lambda: {one["state"] for one in deliveries_of(admin, webhook)} == {"delivered"}, "all is delivered", 60)
    finally:
        with suppress(ProcessLookupError):
            dealer.kill()
            there.kill()
    check(there, admin, webhook)
    reconciled = own.here("reconcile", "--wait", "20")
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr


def work_on(admin: Any, site: Any, there: Hooks) -> dict[str, tuple[str, int]]:
    """The site gets on with the orders, while the dealer's end is killed again; what they are then."""
    found = list(admin.pages("/work-orders", site_id=site.id))
    assert len(found) == ORDERS
    dispatcher, technician, agent = (site.as_(role) for role in ("dispatcher", "technician", "agent"))
    for number, order in enumerate(found[:60]):
        path = f"/work-orders/{order['id']}"
        for who, action, body in (
            (dispatcher, "assign", {"technician_id": site.technician["id"]}), (technician, "start", {}),
            (agent, "cancel", {"reason": "客户取消"}),
        )[: 1 + number % 3]:  # fmt: skip
            assert who.call("POST", f"{path}/{action}", body, key=f"{order['id']}-{action}").ok
        if number == 30:
            there.kill()
        if number == 45:
            there.start()
    return {order["id"]: (order["state"], order["version"]) for order in admin.pages("/work-orders", site_id=site.id)}


def deliveries_of(admin: Any, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    return list(admin.pages("/webhook-deliveries", webhook_id=webhook["id"]))


def check(there: Hooks, admin: Any, webhook: dict[str, Any]) -> None:
    """Each id handled once whatever often it came, always with the same body; every one of ours is there; order kept."""
    deliveries = {row[0]: row[1:] for row in there.rows("SELECT id, digest, came FROM deliveries")}
    handled = there.rows("SELECT id, subject, sequence FROM handled ORDER BY number")
    assert len(handled) == len({row[0] for row in handled}) == len(deliveries) == ORDERS + 120
    assert not [id for id, (digest, _) in deliveries.items() if digest == "!"], "another body under the same id"
    assert sum(came for _, came in deliveries.values()) > len(deliveries), "something was told again: the story had its kills"
    newest: dict[str, int] = {}
    for id, subject, sequence in handled:
        assert sequence > newest.get(subject, 0), f"{id}: {sequence} of {subject} after {newest[subject]}"
        newest[subject] = sequence


    ours = deliveries_of(admin, webhook)
    assert {one["id"] for one in ours} == set(deliveries)
    assert {one["state"] for one in ours} == {"delivered"}
    assert there.rows("SELECT count(*) FROM refused")[0][0] >= 1, "the unsigned calls of its starts"
