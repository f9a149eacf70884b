"""Start the whole suite: on what is embedded, or on PostgreSQL and RabbitMQ given by URL in the environment."""

from __future__ import annotations

import argparse
import logging
import logging.config
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chassis.ops.logging import log_config
from deploy import prepare
from deploy.local.children import redirect
from deploy.local.folder import DataFolder, FolderInUse
from deploy.local.postgres import PostgresError
from deploy.local.processes import Plan
from deploy.local.suite import Refused, Servers

DEFAULT_PORT = 8080


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, metavar="N",
                        help="of the API and the console on this machine (default 8080; 0: any free one)")
    parser.add_argument("--demo", action="store_true", help="load a small realistic data set, once")
    parser.add_argument("--detach", action="store_true", help="return when the suite is ready; `down` stops it")
    parser.add_argument("--workers", type=_count, default=1, metavar="N",
                        help="worker processes of each service when servers are used (default 1)")


def run(arguments: argparse.Namespace) -> int:
    """0 after a clean stop (``--detach``: when ready), 1 when it did not become ready, 2 when it cannot run as asked."""
    return _detached(arguments) if arguments.detach else _supervise(arguments, _say)


def _supervise(arguments: argparse.Namespace, announce: Callable[[str], None]) -> int:
    folder, servers = arguments.data, Servers.given()
    password = os.environ.get("AFTERSALES_ADMIN_PASSWORD", "")
    if password and not folder.exists:  # an older suite has its administrator, and this is ignored
        _check(password)
    folder.prepare()
    with _held(folder) as lock:
        if folder.replaced_half:
            raise Refused("a restore or init was cut off: run it again")
        _log_to(folder.logs / "supervisor.log")
        from deploy.local.supervisor import StartFailed, Supervisor, clear_leftovers

        clear_leftovers(folder)
        shutil.rmtree(folder.metrics, ignore_errors=True)
        folder.metrics.mkdir(mode=0o700)
        plan = Plan(folder, arguments.port, workers=arguments.workers)
        if servers:
            plan.amqp_url, plan.amqp_prefix = servers.amqp_url, servers.prefix_for(folder).rstrip("_")
        try:
            plan.bind()
        except OSError as error:
            raise Refused(f"port {arguments.port} is taken ({error.strerror}): choose another with --port") from None
        try:
            Supervisor(folder, lock, plan, servers, password, announce, demo=arguments.demo).run()
        except StartFailed as error:
            print(f"aftersales up: {error}", file=sys.stderr)
            return 1
    return 0


def _detached(arguments: argparse.Namespace) -> int:
    """The supervisor in a session of its own; we wait for what it announces and leave at ``ready``."""
    arguments.data.prepare()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os._exit(_daemon(arguments, writing))
    os.close(writing)
    with open(reading, encoding="utf-8") as lines:
        for line in lines:
            _say(line.rstrip("\n"))
            if line.startswith("ready "):
                return 0
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _daemon(arguments: argparse.Namespace, writing: int) -> int:
    os.setsid()
    pipe = open(writing, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 (lives as long as the process)
    redirect(arguments.data.logs / "supervisor.log")

    def announce(line: str) -> None:
        pipe.write(line + "\n")
        if line.startswith("ready "):
            pipe.close()

    try:
        code = _supervise(arguments, announce)
    except (Refused, PostgresError) as error:
        announce(f"aftersales up: {error}")
        return 2
    if code:
        announce(f"aftersales up: not ready, see {arguments.data.logs}")
    return code


def _say(line: str) -> None:
    """What scripts wait for goes to standard output, what people read to standard error."""
    print(line, file=sys.stdout if line.startswith("ready ") else sys.stderr, flush=True)


def _check(password: str) -> None:
    try:
        prepare.checked(password)
    except prepare.PasswordTooShort as error:
        raise Refused(str(error)) from None


@contextmanager
def _held(folder: DataFolder) -> Iterator[int]:
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(folder.lock(wait=0.5))
        except FolderInUse as error:
            where = folder.state.get("url")
            raise Refused(f"a suite already runs on {folder.path}, at {where}" if where else str(error)) from None
        yield lock


def _log_to(path: Path) -> None:
    """JSON lines into the supervisor's own log: the terminal belongs to the person at it."""
    config = log_config("suite", "supervisor")
    config["handlers"]["stderr"] = {"class": "logging.FileHandler", "formatter": "json", "filename": str(path)}
    logging.config.dictConfig(config)
    path.chmod(0o600)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is no port")
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 16:
        raise argparse.ArgumentTypeError("between 1 and 16")
    return number
