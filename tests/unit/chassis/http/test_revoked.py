"""Tokens that became void, at a service of its own: by the gateway's list, and by nobody else's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chassis.domain.errors import Unauthenticated, Unavailable
from chassis.http import revoked
from chassis.http.auth import Verifier
from chassis.ops.settings import Settings
from gateway.tokens import Signer, new_key

SIGNER = Signer(new_key())
CLAIMS = {"sub": "u1", "username": "ann", "org_path": "/HQ/", "epoch": 3, "sid": "s1"}


def signed(sessions: tuple[str, ...] = (), signer: Signer = SIGNER, age: float = 0, **epochs: int) -> str:
    said = revoked.listing(sessions, epochs) | {"aud": revoked.AUDIENCE}
    return signer.sign(said, datetime.now(UTC) - timedelta(seconds=age), revoked.VALID_SECONDS)


class Published:
    """A gateway that publishes what it is told to."""

    def __init__(self) -> None:
        self.text, self.status, self.asked = signed(), 200, 0
        published = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                published.asked += 1
                self.send_response(published.status)
                self.end_headers()
                self.wfile.write(published.text.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{revoked.PATH}"


@pytest.fixture
def gateway() -> Iterator[Published]:
    found = Published()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def verifier(gateway: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verifier]:
    monkeypatch.setattr(revoked, "PAUSE", 0.05)
    (tmp_path / "jwks.json").write_text(json.dumps(SIGNER.jwks))
    found = Verifier(str(tmp_path / "jwks.json"), gateway.url)
    yield found
    assert found.revoked
    found.revoked.stop()


def bearer(**claims: Any) -> str:
    return f"Bearer {SIGNER.sign({**CLAIMS, **claims}, datetime.now(UTC))}"


def outcome(verifier: Verifier, token: str) -> str:
    try:
        return verifier.principal(token).username
    except (Unauthenticated, Unavailable) as error:
        return error.code


def becomes(verifier: Verifier, token: str, wanted: str, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while (found := outcome(verifier, token)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_what_is_listed_is_refused_and_nothing_else(gateway: Published, verifier: Verifier):
    token, other, later = bearer(), bearer(sid="s2", sub="u2"), bearer(sid="s3", epoch=4)
    assert [outcome(verifier, one) for one in (token, other, later)] == ["ann"] * 3
    gateway.text = signed(("s1",))
    becomes(verifier, token, "unauthenticated")
    assert [outcome(verifier, one) for one in (other, later)] == ["ann"] * 2
    gateway.text = signed(u1=4)
    becomes(verifier, bearer(sid="s9"), "unauthenticated")
    assert [outcome(verifier, one) for one in (token, other, later)] == ["unauthenticated", "ann", "ann"]


def test_it_names_nobody():
    text = json.dumps(revoked.listing(["session-1"], {"user-1": 2}))
    assert "session-1" not in text and "user-1" not in text


def test_who_cannot_hear_lets_nobody_in_until_he_does(gateway: Published, verifier: Verifier, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(revoked, "DEAF_LIMIT", 2.0)
    gateway.status = 503
    assert outcome(verifier, bearer()) == "unavailable", "not even once heard"
    gateway.status = 200
    becomes(verifier, bearer(), "ann")
    gateway.status = 503
    assert outcome(verifier, bearer()) == "ann", "a short break is bridged"
    becomes(verifier, bearer(), "unavailable")
    gateway.status = 200
    becomes(verifier, bearer(), "ann")


NO_LIST = {
    "nothing": lambda: "", "no token": lambda: "x", "unsigned": lambda: "{}", "a stranger's": lambda: signed(signer=Signer(new_key())),
    "an old one": lambda: signed(age=revoked.VALID_SECONDS + 60), "of the future": lambda: signed(age=-600),
    "an access token": lambda: bearer().partition(" ")[2],
    "without lists": lambda: SIGNER.sign({"aud": revoked.AUDIENCE}, datetime.now(UTC)),
    "of other kinds": lambda: SIGNER.sign({"aud": revoked.AUDIENCE, "sessions": 1, "epochs": 2}, datetime.now(UTC)),
}  # fmt: skip


@pytest.mark.parametrize("text", NO_LIST.values(), ids=NO_LIST)
def test_a_list_that_is_none_is_not_believed(gateway: Published, verifier: Verifier, text: Callable[[], str]):
    gateway.text = text()
    assert outcome(verifier, bearer()) == "unavailable"
    gateway.text = signed()
    becomes(verifier, bearer(), "ann")


def test_a_list_is_no_access_token(verifier: Verifier):
    assert outcome(verifier, f"Bearer {signed()}") == "unauthenticated"


def test_requests_ask_nobody(gateway: Published, verifier: Verifier, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(revoked, "PAUSE", 60)
    token = bearer()
    assert [outcome(verifier, token) for _ in range(100)] == ["ann"] * 100
    assert gateway.asked == 1


@pytest.mark.parametrize(("environment", "source"), [
    ({}, ""), ({"AFTERSALES_JWKS": "/keys/jwks.json"}, ""),
    ({"AFTERSALES_JWKS": "http://gateway:8000/.well-known/jwks.json"}, f"http://gateway:8000{revoked.PATH}"),
    ({"AFTERSALES_JWKS": "/keys/jwks.json", "AFTERSALES_REVOKED": "http://g/x"}, "http://g/x"),
])  # fmt: skip
def test_who_reads_keys_over_the_network_reads_the_list_beside_them(environment: dict[str, str], source: str):
    assert Settings.read(environment).revoked == source
