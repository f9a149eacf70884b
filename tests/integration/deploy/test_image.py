"""The processes of the compose file, started with its commands and its environment on real servers, without Docker: only
names of hosts, ports and the keys' places are exchanged for those of this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
import yaml
from sqlalchemy.engine import make_url

from deploy.local.databases import drop_databases
from tests.support import servers
from tests.support.suites import free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
HTTP = ("gateway", "console", "orders", "inventory", "finance", "callcenter")
STARTED = (*HTTP, "gateway-relay", "orders-worker", "orders-relay")
VALUES = {
    "AFTERSALES_OWNER_PASSWORD": "owner-password", "AFTERSALES_APP_PASSWORD": "app-password", "WEB_CONCURRENCY": "1",
    "AFTERSALES_ADMIN_PASSWORD": "administrator-of-compose", "POSTGRES_PASSWORD": "x", "RABBITMQ_PASSWORD": "x",
}


class Machine:
    """This machine in place of the network of the compose file."""

    def __init__(self, real: servers.Servers) -> None:
        self.prefix = f"c{uuid.uuid4().hex[:8]}_"
        self.real, self.broker = real, real.virtual_host(self.prefix.rstrip("_"))
        self.folder = tempfile.TemporaryDirectory()
        self.ports = {name: free_port() for name in STARTED}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, name: str) -> dict[str, str]:
        given = {key: self.here(self.filled(str(value))) for key, value in COMPOSE[name]["environment"].items()}
        if name in self.ports:
            given |= {"PORT": str(self.ports[name])}
            given |= {"AFTERSALES_HEALTH_PORT": str(self.ports[name])} if "-" in name else {}
        return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "AFTERSALES_DATABASE_PREFIX": self.prefix, **given}

    def filled(self, text: str) -> str:
        return re.sub(r"\$\{([A-Z_]+)(?::[-?]([^}]*))?\}", lambda found: VALUES.get(found[1], found[2] or ""), text)

    def here(self, value: str) -> str:
        if value.startswith("postgresql://"):
            asked, there = make_url(value), make_url(self.real.database)
            if asked.database == "postgres":
                return self.real.database
            return there.set(username=f"{self.prefix}{asked.username}", password=asked.password,
                             database=f"{self.prefix}{asked.database}").render_as_string(hide_password=False)
        if value.startswith("amqp://"):
            return self.broker
        value = re.sub(r"^http://([a-z]+):8000", lambda found: f"http://127.0.0.1:{self.ports[found[1]]}", value)
        return value.replace("/keys/", f"{self.folder.name}/").replace("/ring/", f"{self.folder.name}/")

    def command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "deploy.process", *COMPOSE[name]["command"]]

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(name), cwd=ROOT, env=self.environment(name), capture_output=True, text=True,
                              timeout=120)

    def start(self, name: str) -> None:
        with (Path(self.folder.name) / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(self.command(name), cwd=ROOT, env=self.environment(name), stdout=log,
                                                  stderr=log)

    def check_url(self, name: str) -> str:
        url = str(COMPOSE[name]["healthcheck"]["test"][-1])
        return re.sub(r":\d+/", f":{self.ports[name]}/", url)

    def wait_healthy(self, name: str) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.running[name].poll() is None:
            try:
                with urllib.request.urlopen(self.check_url(name), timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"{name}:\n" + (Path(self.folder.name) / f"{name}.log").read_text()[-3000:])

    def dispose(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
        self.real.drop(self.prefix)
        drop_databases(self.real.database, self.prefix)
        self.folder.cleanup()


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    if request.config.getoption("--fast"):
        pytest.skip("real servers: --fast")
    real, how = servers.find()
    if real is None:
        pytest.skip(f"real servers: {how}")
    machine = Machine(real)
    try:
        yield machine
    finally:
        machine.dispose()


def test_a_process_refuses_a_database_that_is_not_there_yet(machine: Machine) -> None:
    done = machine.run("orders")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr


def test_migrate_prepares_once_and_again(machine: Machine) -> None:
    first, second = machine.run("migrate"), machine.run("migrate")
    assert first.returncode == 0, first.stderr
    assert "administrator admin made" in first.stdout and "administrator admin exists" in second.stdout
    key = Path(machine.folder.name) / "signing-key.pem"
    ring = Path(machine.folder.name) / "keyring.json"
    assert {file.stat().st_mode & 0o777 for file in (key, ring)} == {0o600}


def test_an_older_schema_is_refused_in_clear_words(machine: Machine) -> None:
    owner = machine.here("postgresql://orders_owner:owner-password@postgres/orders")
    connection = psycopg2.connect(owner)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("UPDATE alembic_version SET version_num = '9999' RETURNING (SELECT version_num FROM alembic_version)")
    [before] = cursor.fetchone() or ("",)
    cursor.execute("COMMENT ON TABLE alembic_version IS 'serves 9999'")
    try:
        done = machine.run("orders")
        assert done.returncode == 1 and "is newer (revision 9999)" in done.stderr
    finally:
        cursor.execute("UPDATE alembic_version SET version_num = %s", (before,))
        cursor.execute("COMMENT ON TABLE alembic_version IS 'serves 0001'")
        connection.close()


def test_processes_become_healthy_and_serve(machine: Machine) -> None:
    for name in STARTED:
        machine.start(name)
    for name in STARTED:
        machine.wait_healthy(name)
    base = f"http://127.0.0.1:{machine.ports['gateway']}"
    body = {"grant_type": "password", "username": "admin", "password": VALUES["AFTERSALES_ADMIN_PASSWORD"]}
    token = requests.post(f"{base}/api/v1/auth/token", json=body, timeout=10).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{base}/", timeout=10).status_code == 200
    unit = {"code": "C1", "name": "网点", "kind": "site", "parent_code": "HQ"}
    assert requests.post(f"{base}/api/v1/org-units", json=unit, headers=headers, timeout=10).status_code == 201
    # The site's unit reaches orders through the gateway's relay, the broker and the worker of orders.
    site = {"code": "C1", "name": "网点", "org_unit_code": "C1"}
    made = requests.post(f"{base}/api/v1/sites", json=site, headers=headers, timeout=10)
    assert made.status_code == 201, made.text


def test_a_stop_is_clean(machine: Machine) -> None:
    for name in ("orders", "orders-worker", "orders-relay"):
        process = machine.running.pop(name)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0, name
