"""Two processes of the gateway on one database, with a service and a console behind them that the tests control."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from chassis.messaging.inbox import Outcome, receive
from gateway import tokens
from gateway.app import SERVICE
from gateway.identity import bootstrap
from tests.integration.gateway.upstream import Upstream
from tests.support.database import ServiceDatabase, service_database
from tests.support.serving import envelope

ADMIN_PASSWORD = "rather-long-story-2026"
PASSWORD = "another-long-story"


def mark() -> str:
    return uuid.uuid4().hex[:10]


@dataclass
class Caller:
    """One session at one of the processes."""

    base: str
    token: str | None = None
    refresh_token: str | None = None
    http: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        headers = {"Accept-Language": "en", **options.pop("headers", {})}
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            options["json"] = body
        return self.http.request(method, f"{self.base}/api/v1{path}", headers=headers, timeout=20, **options)

    def sign_in(self, username: str, password: str) -> requests.Response:
        body = {"grant_type": "password", "username": username, "password": password}
        answer = self.http.post(f"{self.base}/api/v1/auth/token", json=body, headers={"Accept-Language": "en"}, timeout=20)
        if answer.status_code == 200:
            self.token, self.refresh_token = answer.json()["access_token"], answer.json()["refresh_token"]
        return answer

    def refresh(self, token: str | None = None) -> requests.Response:
        body = {"grant_type": "refresh_token", "refresh_token": token or self.refresh_token}
        return self.http.post(f"{self.base}/api/v1/auth/token", json=body, timeout=20)


@dataclass
class Gateway:
    bases: list[str]
    database: ServiceDatabase
    service: Upstream
    console: Upstream
    signer: tokens.Signer

    def anybody(self, process: int = 0) -> Caller:
        return Caller(self.bases[process])

    def as_(self, username: str, password: str = PASSWORD, process: int = 0) -> Caller:
        caller = self.anybody(process)
        answer = caller.sign_in(username, password)
        assert answer.status_code == 200, answer.text
        return caller

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        with self.database.uow() as uow:
            return list(uow.rows(sa.text(statement), parameters))

    def write(self, statement: str, **parameters: Any) -> None:
        with self.database.uow() as uow:
            uow.execute(sa.text(statement), parameters)

    def events(self, subject: Any) -> list[tuple[str, dict[str, Any]]]:
        found = self.rows("SELECT type, envelope FROM outbox WHERE subject = :id ORDER BY position", id=str(subject))
        return [(row.type.split(".", 2)[2], row.envelope["data"]) for row in found]

    def forge(self, seconds: int = 600, signer: tokens.Signer | None = None, **claims: Any) -> str:
        """A token with any claims, signed by the gateway's key unless another signer is given."""
        whole = {"sub": str(uuid.uuid4()), "username": "forged", "name": "forged", "org_path": "/HQ/", "roles": [],
                 "perms": ["*"], "epoch": 1, "sid": uuid.uuid4().hex, "lang": "en", **claims}
        return (signer or self.signer).sign(whole, datetime.now(UTC), seconds)

    def order_changed(self, verb: str, version: int, path: str, order_id: uuid.UUID, dealer_id: str | None = None, **facts: Any) -> Outcome:
        """An event of orders, handed to the gateway's inbox as worker and courier do."""
        from tests.support.orders_events import order

        data = order(verb, id=str(order_id), **facts)
        type_ = f"aftersales.orders.work_order.{verb}.v1"
        told = envelope(type_, data, subject=order_id, sequence=version, org_path=path)
        return receive(SERVICE, self.database.engine, {**told, "partyid": dealer_id} if dealer_id else told)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="package")
def gateway(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    key = tokens.new_key()
    (folder / "key.pem").write_bytes(key)
    service, console = Upstream(), Upstream()
    with service_database(database_server, SERVICE) as database:
        assert bootstrap.ensure(database.app_url, ADMIN_PASSWORD) is True
        environment = {
            **os.environ,
            "AFTERSALES_SERVICE": "gateway",
            "AFTERSALES_DATABASE_URL_GATEWAY": database.app_url,
            "AFTERSALES_SIGNING_KEY": str(folder / "key.pem"),
            "AFTERSALES_URL_CONSOLE": console.url,
            **{f"AFTERSALES_URL_{name}": service.url for name in ("ORDERS", "INVENTORY", "FINANCE", "CALLCENTER")},
            "AFTERSALES_FAILED_SIGN_INS": "5/200",
            "PYTHONWARNINGS": "ignore",
        }
        environment.pop("AFTERSALES_JWKS", None)
        processes, bases = [], []
        for number in range(2):
            port = _free_port()
            log = (folder / f"gateway-{number}.log").open("wb")
            command = [sys.executable, "-m", "uvicorn", "gateway.http:app", "--port", str(port), "--lifespan", "on",
                       "--no-access-log", "--no-proxy-headers", "--timeout-graceful-shutdown", "1"]
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))
            bases.append(f"http://127.0.0.1:{port}")
        try:
            for base, process in zip(bases, processes, strict=True):
                _wait_ready(base, process, folder)
            yield Gateway(bases, database, service, console, tokens.Signer(key))
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=15)
            service.stop()
            console.stop()


def _wait_ready(base: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{base}/readyz", timeout=2).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError("\n".join(path.read_text() for path in folder.glob("*.log")))


@pytest.fixture
def admin(gateway: Gateway) -> Caller:
    return gateway.as_("admin", ADMIN_PASSWORD)


@pytest.fixture(autouse=True)
def _clean(gateway: Gateway) -> None:
    gateway.service.clear()
    gateway.console.clear()


@dataclass
class Branch:
    """A branch with one site, and a way to make people in them."""

    admin: Caller
    gateway: Gateway
    code: str = field(default_factory=lambda: f"B{mark()}")

    def __post_init__(self) -> None:
        self.site = f"S{mark()}"
        self.path = f"/HQ/{self.code}/"
        self.site_path = f"{self.path}{self.site}/"
        units = ((self.code, "branch", "HQ"), (self.site, "site", self.code))
        for code, kind, parent in units:
            made = self.admin.call("POST", "/org-units", {"code": code, "name": code, "kind": kind, "parent_code": parent})
            assert made.status_code == 201, made.text

    def user(self, roles: list[str], unit: str | None = None, **members: Any) -> dict[str, Any]:
        body = {"username": f"u-{mark()}", "name": "李雷", "org_unit_code": unit or self.site, "roles": roles,
                "password": PASSWORD, **members}
        body = {key: value for key, value in body.items() if value is not None}
        made = self.admin.call("POST", "/users", body)
        assert made.status_code == 201, made.text
        document: dict[str, Any] = made.json()
        return document


@pytest.fixture
def branch(gateway: Gateway, admin: Caller) -> Branch:
    return Branch(admin, gateway)
