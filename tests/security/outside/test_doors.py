"""Every door of a running suite, by the bytes on the wire: the gateway's, each service's own and the console's read a request alike."""

from __future__ import annotations

import json
import re
import socket
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.process import HTTP, SERVICES
from tests.security.matrix.world import World
from tests.support.client import Client
from tests.support.contracts import BASE, operations
from tests.support.suites import ADMIN_PASSWORD

PROBLEM = b"application/problem+json"
BEHIND = ("gateway", *SERVICES)


def door(world: World, name: str) -> int:
    return world.suite.port if name == "gateway" else urlsplit(world.upstream(name)).port or 0


def exchange(port: int, raw: bytes) -> tuple[int, bytes]:
    """Status of the first answer, and all that came until the other side hung up; who does not hang up on a machine that is busy
    with other suites has a minute, and is named then."""
    got = b""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as wire:
        wire.sendall(raw)
        with suppress(ConnectionError):
            while part := wire.recv(65536):
                got += part
    return int(got.split(None, 2)[1]) if got else 0, got


def asked(path: str, *lines: str, method: str = "GET", host: str = "Host: x\r\n") -> bytes:
    return f"{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{''.join(line + chr(13) + chr(10) for line in lines)}\r\n".encode("latin-1")


def readable(world: World, name: str) -> str:
    """The path of a list of this service."""
    return next(o.path for o in operations() if o.service == name and o.method == "get" and "{" not in o.path and o.permission not in ("public", "authenticated"))


@pytest.mark.parametrize("name", BEHIND)
def test_who_signs_in_by_a_trailer_has_not_signed_in(world: World, name: str):
    port, path, token = door(world, name), readable(world, name), world.admin.token
    assert exchange(port, asked(path, f"Authorization: Bearer {token}"))[0] == 200
    hidden = f"0\r\nAuthorization: Bearer {token}\r\nCookie: aftersales_token={token}\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
    status, _ = exchange(port, asked(path, "Transfer-Encoding: chunked", "Trailer: Authorization") + hidden.encode())
    assert status == 401


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize("host", ["", "Host:\r\n", "Host: x\r\nHost: x\r\n", "Host: x\r\nHost: y\r\n", "Host: x, y\r\n", "Host: a b\r\n", "Host: user@x\r\n"])
def test_one_host_is_named(world: World, name: str, host: str):
    status, got = exchange(door(world, name), asked("/healthz", host=host))
    assert status == 400 and PROBLEM in got and b'"bad_host"' in got


@pytest.mark.parametrize("name", HTTP)
def test_a_target_names_the_same_host(world: World, name: str):
    path = "/live" if name == "console" else "/healthz"
    assert exchange(door(world, name), asked(f"http://x{path}"))[0] == 200
    status, got = exchange(door(world, name), asked(f"http://evil{path}"))
    assert status == 400 and b'"bad_host"' in got


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize("path", ["//", "//healthz", "/healthz/", "//api/v1/customers", "/api/v1//customers", "/api/v1/customers/", "/api//v1/customers",
                                  "/./healthz", "/x/../healthz", "/%2e%2e/healthz", "/x%2fy", "/%5chealthz", "/healthz%00"])
def test_odd_paths_are_not_routed(world: World, name: str, path: str):
    status, got = exchange(door(world, name), asked(path, f"Authorization: Bearer {world.admin.token}"))
    assert status == 404 and PROBLEM in got and json.loads(got.partition(b"\r\n\r\n")[2])["code"] == "not_found"


METRICS = ["/metrics", "/Metrics", "/METRICS", "//metrics", "/metrics/", "/metrics//", "/%6detrics", "/%6Detrics", "/./metrics", "/x/../metrics", "/%2fmetrics",
           "/metrics?", "/metrics?x=1", "/metrics%2f", "/metrics%00", "/metrics;x", "http://x/metrics", "/api/metrics", "/api/v1/metrics"]


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize("named", ["203.0.113.5", "x", "", "127.0.0.1, unknown", "203.0.113.5, 127.0.0.1", "127.1"])
def test_metrics_are_for_operators_in_every_spelling(world: World, name: str, named: str):
    port = door(world, name)
    assert b"aftersales_http_request_seconds" in exchange(port, asked("/metrics"))[1]
    for path in METRICS:
        for method in ("GET", "HEAD", "POST"):
            status, got = exchange(port, asked(path, f"X-Forwarded-For: {named}", method=method))
            assert status != 200 and b"aftersales_" not in got.partition(b"\r\n\r\n")[2], (method, path)


@pytest.mark.parametrize("rest", ["Content-Length: 900000", "Transfer-Encoding: chunked"])
def test_a_refusal_does_not_wait_for_the_rest(world: World, rest: str):
    """401 while the body is still being sent: whole, closed in time, and nothing of what follows is taken for a request. At all doors
    at once, since each takes its time."""

    def refuses(name: str) -> None:
        raw = asked(readable(world, name), rest, method="POST").replace(b"Connection: close\r\n", b"")
        with closing(socket.create_connection(("127.0.0.1", door(world, name)), timeout=30)) as wire:
            wire.sendall(raw)
            got, began = b"", time.monotonic()
            while part := wire.recv(65536):
                got += part
            assert time.monotonic() - began < 12 and re.match(rb"HTTP/1.1 40[1357] ", got) and got.count(b"HTTP/1.1 ") == 1, name
            with pytest.raises(OSError):
                while time.monotonic() - began < 25:
                    wire.sendall(asked("/healthz") * 100)
            assert time.monotonic() - began < 20, name

    with ThreadPoolExecutor(len(BEHIND)) as pool:
        list(pool.map(refuses, BEHIND))


def signed_in(world: World) -> tuple[dict[str, Any], Client]:
    """A new administrator of headquarters and his session."""
    user = world.company.user(f"door-{uuid.uuid4().hex[:8]}", "HQ", ["admin"])
    return user, Client(world.suite.base, token=str(world.fresh(user["username"])["access_token"]))


def logout(world: World, user: dict[str, Any], client: Client) -> int:
    return client.call("POST", "/auth/logout", {}).status


def force_off(world: World, user: dict[str, Any], client: Client) -> int:
    return world.admin.call("POST", f"/users/{user['id']}/force-off", {}).status


def disable(world: World, user: dict[str, Any], client: Client) -> int:
    return world.admin.call("PATCH", f"/users/{user['id']}", {"active": False}).status


def reset(world: World, user: dict[str, Any], client: Client) -> int:
    return world.admin.call("POST", f"/users/{user['id']}/reset-password", {"admin_password": ADMIN_PASSWORD}).status


def fewer_roles(world: World, user: dict[str, Any], client: Client) -> int:
    return world.admin.call("PATCH", f"/users/{user['id']}", {"roles": ["technician"]}).status


@pytest.mark.parametrize("ends", [logout, force_off, disable, reset, fewer_roles])
def test_a_token_that_became_void_is_refused_at_every_door_within_seconds(world: World, ends: Callable[..., int]):
    """The gateway refuses it at once; a service's own port, which only the machine itself reaches, when it has heard."""
    user, client = signed_in(world)
    token = {"Authorization": f"Bearer {client.token}"}
    asking = {name: Client(world.upstream(name)) for name in SERVICES}
    for service, of_service in asking.items():
        assert of_service.call("GET", readable(world, service).removeprefix(BASE), headers=token).status == 200
    assert ends(world, user, client) == 200
    assert client.call("GET", "/me").status == 401
    deadline, still = time.monotonic() + 15, set(SERVICES)
    while still and time.monotonic() < deadline:
        for service in list(still):
            answer = asking[service].call("GET", readable(world, service).removeprefix(BASE), headers=token)
            if answer.status == 401:
                still.remove(service)
        time.sleep(0.1)
    assert not still, f"{still} let a void token in"
