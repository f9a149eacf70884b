"""Which process of the suite to run: the command of the one image, and what the local supervisor forks.

    python -m deploy.process http orders      gunicorn with ASGI workers (also: gateway, console)
    python -m deploy.process worker orders    consumers and timers (Nameko)
    python -m deploy.process relay orders     outbox to broker
    python -m deploy.process sender gateway   webhooks to partners' systems
    python -m deploy.process migrate          databases, schema, keys, first administrator; then ends
    python -m deploy.process rotate-keys      personal data under a new key, beside the running suite; then ends
    python -m deploy.process check URL        0 when the URL answers 200 (health checks of containers)
"""

from __future__ import annotations

import ctypes
import importlib
import os
import socket
import sys
import tempfile
import urllib.request
from typing import Any, NoReturn

SERVICES = ("orders", "inventory", "finance", "callcenter")
WITH_DATABASE = (*SERVICES, "gateway")
HTTP = (*WITH_DATABASE, "console")
KEEP_ALIVE = 75
"""Seconds an idle connection is kept: longer than the gateway's client keeps it, so that none is closed under a request."""
TRIM_SECONDS = 20
GRACE = 6
"""Seconds requests in hand may take to end when a process is asked to stop; streams are cut then."""


def package(name: str) -> str:
    return f"services.{name}" if name in SERVICES else name


def application(name: str) -> Any:
    """The ASGI application of an HTTP process. Safe before a fork: it opens nothing."""
    return importlib.import_module(f"{package(name)}.http").app


def serve(name: str, app: Any, listening: socket.socket) -> None:
    """Serves an application in this process on a socket that somebody else bound, until SIGTERM."""
    from chassis.ops import trace
    from chassis.ops.logging import log_config
    from chassis.ops.settings import settings
    from deploy import serving

    serving.server(
        app, loop="uvloop", http=serving.protocol(name), log_config=log_config(name, "http", settings().log_level),
        access_log=False, server_header=False, proxy_headers=False, timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE, callback_notify=give_memory_back, timeout_notify=TRIM_SECONDS,
    ).run(sockets=[listening])
    trace.flush()


async def give_memory_back() -> None:
    """Returns what the C library keeps after a peak; password hashes and large lists leave tens of megabytes."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
        if trim is not None:
            trim(0)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["http", name] if name in HTTP:
            return _stopped(name) or _gunicorn(name)
        case ["sender", "gateway"]:
            return _stopped("gateway") or _module("gateway.sender")
        case ["worker" | "relay" as kind, name] if name in WITH_DATABASE:
            return _stopped(name) or _module(f"{package(name)}.{kind}")
        case ["check", url]:
            return _check(url)
        case ["migrate"]:
            from deploy.prepare import main as prepare

            return prepare()
        case ["rotate-keys", *options]:
            from deploy.rotate import main as rotate

            return rotate(options)
    print(__doc__, file=sys.stderr)
    return 2


def _check(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


def _stopped(name: str) -> int:
    """1, said why, when the database's schema is not this release's, or there is no key ring; the orchestrator tries again."""
    if name in WITH_DATABASE:
        from sqlalchemy.exc import OperationalError

        from chassis import crypto
        from chassis.db import migrate
        from chassis.db.engine import make_engine
        from chassis.ops.settings import settings
        from chassis.service import find_service

        try:
            migrate.require_current(find_service(name), make_engine(settings().database_url(name), size=1))
            crypto.ring()
        except (migrate.SchemaMismatch, OperationalError, crypto.RingError) as error:
            print(f"{name}: {getattr(error, 'orig', error)}", file=sys.stderr)
            return 1
    return 0


def gunicorn_options() -> list[str]:
    """Several processes behind one port; ``WEB_CONCURRENCY`` says how many. Streams are cut after GRACE, and the rest of the
    ending has 3 s more."""
    settings = {
        "worker-class": "deploy.lingering.Worker", "bind": f"0.0.0.0:{os.environ.get('PORT', '8000')}",
        "keep-alive": KEEP_ALIVE, "graceful-timeout": GRACE + 3, "timeout": 60, "config": "python:deploy.gunicorn",
    }
    return [f"--{key}={value}" for key, value in settings.items()]


def _gunicorn(name: str) -> NoReturn:
    os.environ["AFTERSALES_PROCESS"] = name
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp())  # one set of metrics for all its workers
    _module("gunicorn", *gunicorn_options(), f"{package(name)}.http:app")


def _module(name: str, *arguments: str) -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-m", name, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
