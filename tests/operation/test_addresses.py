"""Each person's own address behind the console's, where the console is nobody's trusted proxy: as in Compose and on Kubernetes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import requests
from requests.adapters import HTTPAdapter

from deploy.local.folder import DataFolder
from tests.support.client import Client, eventually
from tests.support.suites import RunningSuite

PROXY = "127.0.0.9"
STRICT = {"AFTERSALES_TRUSTED_PROXIES": f"{PROXY}/32", "AFTERSALES_FAILED_SIGN_INS": "0.01/3"}


@pytest.fixture(scope="module")
def own() -> Iterator[RunningSuite]:
    running = RunningSuite(None, extra=STRICT).start()
    yield running
    running.dispose()


class From(HTTPAdapter):
    """Calls from an address of this machine's many."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self._address, 0))


def sign_in(base: str, source: str, username: str, **headers: str) -> None:
    """By the console's page, with a wrong password."""
    with requests.Session() as browser:
        browser.mount("http://", From(source))
        browser.headers.update(headers)
        [token] = re.findall(r'name="csrf_token" value="([^"]+)"', browser.get(f"{base}/sign-in", timeout=20).text)[:1]
        form = {"username": username, "password": "wrong", "csrf_token": token}
        browser.post(f"{base}/sign-in", form, timeout=20)


def noted(own: RunningSuite, username: str) -> str:
    """From where the audit log says that somebody tried."""
    found: list[dict[str, Any]] = eventually(lambda: own.client().get("/audit-log", username=username)["items"], "the attempt is noted")
    return str(found[0]["address"])


def console(own: RunningSuite) -> str:
    state = DataFolder(own.data).state["processes"]["console.http"]
    [port] = {at.laddr.port for at in psutil.Process(int(state["pid"])).net_connections("tcp") if at.status == "LISTEN"}
    return f"http://127.0.0.1:{port}"


def name() -> str:
    return f"nobody-{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize(("source", "headers", "address"), [
    ("127.0.0.2", {}, "127.0.0.2"), ("127.0.0.3", {}, "127.0.0.3"),
    ("127.0.0.2", {"X-Forwarded-For": "203.0.113.5"}, "127.0.0.2"),
    (PROXY, {"X-Forwarded-For": "203.0.113.5"}, "203.0.113.5"),
    ("127.0.0.2", {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proof": "1800000000.00"}, "127.0.0.2"),
])  # fmt: skip
def test_the_persons_own_address_counts(own: RunningSuite, source: str, headers: dict[str, str], address: str):
    username = name()
    sign_in(own.base, source, username, **headers)
    assert noted(own, username) == address


def test_nobody_speaks_for_others_through_the_console(own: RunningSuite):
    """Whoever reaches the console's own port may name any address: without the gateway's word it is the console's."""
    for headers in ({"X-Forwarded-For": "203.0.113.6"}, {"X-Forwarded-For": "203.0.113.6", "X-Forwarded-Proof": "1800000000.00"}):
        username = name()
        sign_in(console(own), "127.0.0.1", username, **headers)
        assert noted(own, username) == "127.0.0.1"


def test_who_guesses_is_slowed_down_alone(own: RunningSuite):
    """Limits per address, at the page: the one who guesses runs out of attempts, the one beside him does not."""
    for _ in range(6):
        sign_in(own.base, "127.0.0.4", name())
    last, beside = name(), name()
    sign_in(own.base, "127.0.0.4", last)
    sign_in(own.base, "127.0.0.5", beside)
    assert noted(own, beside) == "127.0.0.5"
    assert {entry["status"] for entry in own.client().get("/audit-log", username=last)["items"]} <= {429}


def test_nobody_outside_is_shown_the_proof(own: RunningSuite):
    answer = requests.get(f"{own.base}/sign-in", timeout=20)
    assert "proof" not in str(answer.headers).lower() + answer.text.lower()
    assert Client(own.base).call("GET", "/me", headers={"X-Forwarded-Proof": "x", "X-Forwarded-For": "127.0.0.1"}).status == 401
