"""`up` as an operator meets it: what it refuses, what it prints, what it survives and what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from deploy.local.folder import DataFolder
from deploy.local.processes import REQUESTS_YIELD
from tests.support.suites import ADMIN_PASSWORD, RunningSuite, aftersales, free_port

pytestmark = pytest.mark.slow
LIMIT = 450  # megabytes of the whole suite at rest
GENERATED = {"AFTERSALES_ADMIN_PASSWORD": ""}


@pytest.fixture(scope="module")
def suite() -> Iterator[RunningSuite]:
    running = RunningSuite(extra=GENERATED, first_start=True)
    try:
        yield running.start()
    finally:
        running.dispose()


def sign_in(base: str, password: str) -> int:
    body = {"grant_type": "password", "username": "admin", "password": password}
    return requests.post(f"{base}/api/v1/auth/token", json=body, timeout=10).status_code


def processes(suite: RunningSuite) -> dict[str, int]:
    """Name and pid of each, once everything runs again."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        noted = DataFolder(suite.data).state.get("processes", {})
        found = {name: int(entry["pid"]) for name, entry in noted.items()}
        if len(found) == 10 and all(alive(pid) for pid in found.values()):
            return found
        time.sleep(0.05)
    raise AssertionError(suite.run("status").stdout)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def private(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ready_means_that_api_and_console_answer(suite: RunningSuite) -> None:
    assert [line for line in suite.output if line.startswith("ready")] == [f"ready {suite.base}\n"]
    assert requests.get(f"{suite.base}/api/v1/me", timeout=10).status_code == 401
    assert requests.get(f"{suite.base}/", timeout=10).status_code == 200
    assert requests.get(f"{suite.base}/api/v1/work-orders", timeout=10).json()["code"] == "unauthenticated"


def test_generated_password_is_printed_once_and_kept_private(suite: RunningSuite) -> None:
    folder = DataFolder(suite.data)
    password = folder.admin_password.read_text()
    assert sum(password in line for line in suite.output) == 1
    ready = next(place for place, line in enumerate(suite.output) if line.startswith("ready "))
    assert password in suite.output[ready - 1], "directly before `ready`, where it is looked for"
    assert private(folder.admin_password) and private(folder.signing_key)
    assert sign_in(suite.base, password) == 200


def test_nothing_in_the_folder_is_for_others(suite: RunningSuite) -> None:
    places = [path for path in suite.data.rglob("*") if not {"cluster", "metrics"} & set(path.parts)]  # figures, in a folder of mode 700
    assert len(places) > 10
    assert [str(path) for path in [suite.data, *places] if path.stat().st_mode & 0o077] == []


def test_no_secret_in_any_log_or_argument(suite: RunningSuite) -> None:
    folder = DataFolder(suite.data)
    secrets = [*folder._read_json(folder.path / "secrets.json").values(), folder.admin_password.read_text(),
               (folder.postgres / "superuser").read_text()]
    logs = "".join(path.read_text(errors="replace") for path in folder.logs.iterdir())
    family = psutil.Process(suite.process.pid).children(recursive=True)  # type: ignore[union-attr]
    arguments = " ".join(" ".join(process.cmdline()) for process in family)
    assert len(logs) > 1000
    assert [secret for secret in secrets if secret in logs or secret in arguments] == []


def test_memory_at_rest(suite: RunningSuite) -> None:
    used = suite.memory() / 2**20
    print(f"the whole embedded suite at rest: {used:.0f} MB")
    assert used <= LIMIT
    total = next(line for line in suite.run("status").stdout.splitlines() if line.startswith("total"))
    assert float(total.split()[2]) == pytest.approx(used, rel=0.25)


def test_requests_yield_to_events(suite: RunningSuite) -> None:
    """The HTTP processes, and PostgreSQL's backends that work for them; not the courier and its own."""
    group = Path("/proc/self/autogroup")
    for _ in range(3):
        sign_in(suite.base, "wrong")
    found = processes(suite)
    yielding = {name for name, pid in found.items() if psutil.Process(pid).nice() > 0}
    assert yielding == {f"{name}.http" for name in ("gateway", "orders", "inventory", "finance", "callcenter", "console")}
    if group.exists():  # where the system weighs sessions, those count
        weighed = {name: int(Path(f"/proc/{found[name]}/autogroup").read_text().split()[-1]) for name in ("gateway.http", "courier")}
        assert weighed == {"gateway.http": REQUESTS_YIELD, "courier": 0}
    backends = [process for process in psutil.Process(found["postgres"]).children() if "gateway_app" in " ".join(process.cmdline())]
    assert {process.nice() for process in backends} == {0, REQUESTS_YIELD}


def test_second_up_on_the_folder_and_a_taken_port_exit_2(suite: RunningSuite, tmp_path: Path) -> None:
    second = aftersales("up", "--data", str(suite.data), "--port", str(free_port()))
    assert (second.returncode, suite.base in second.stderr) == (2, True), second.stderr
    taken = aftersales("up", "--data", str(tmp_path / "other"), "--port", str(suite.port))
    assert taken.returncode == 2 and f"port {suite.port} is taken" in taken.stderr
    with socket.socket() as stranger:
        stranger.bind(("0.0.0.0", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        assert aftersales("up", "--data", str(tmp_path / "other"), "--port", str(port)).returncode == 2
    assert sign_in(suite.base, DataFolder(suite.data).admin_password.read_text()) == 200


def test_status_names_every_process(suite: RunningSuite) -> None:
    assert suite.processes() == processes(suite)


def test_every_process_that_dies_comes_back_at_its_address(suite: RunningSuite) -> None:
    password = DataFolder(suite.data).admin_password.read_text()
    for name in processes(suite):
        if name == "supervisor":
            continue
        before = processes(suite)
        os.kill(before[name], signal.SIGKILL)
        deadline = time.monotonic() + 20
        while (after := processes(suite))[name] == before[name] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert after[name] != before[name], name
        assert {other: pid for other, pid in after.items() if other != name} == {
            other: pid for other, pid in before.items() if other != name}, "the others live on"
        while (status := sign_in(suite.base, password)) != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert status == 200, name
        assert requests.get(f"{suite.base}/", timeout=10).status_code == 200, name


def test_killed_supervisor_leaves_nothing_that_stops_the_next_up(suite: RunningSuite) -> None:
    password = DataFolder(suite.data).admin_password.read_text()
    before = processes(suite)
    os.kill(before["supervisor"], signal.SIGKILL)
    assert suite.process is not None
    suite.process.wait(10)
    suite.output.clear()
    suite.start()
    assert not any(password in line for line in suite.output), "printed only once in the folder's life"
    after = processes(suite)
    assert not set(before.values()) & set(after.values())
    assert [name for name, pid in before.items() if alive(pid)] == []
    assert sign_in(suite.base, password) == 200


def test_children_die_with_their_supervisor(suite: RunningSuite) -> None:
    found = processes(suite)
    os.kill(found["supervisor"], signal.SIGKILL)
    assert suite.process is not None
    suite.process.wait(10)
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in found.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [name for name, pid in found.items() if alive(pid)] == []
    assert suite.run("status").returncode == 1
    suite.start()


def test_commands_work_while_the_suite_is_down_and_clean_stop_is_quick(suite: RunningSuite) -> None:
    pids = processes(suite)
    began = time.monotonic()
    assert suite.stop() == 0
    assert time.monotonic() - began < 20
    assert [name for name, pid in pids.items() if alive(pid)] == []
    assert suite.run("parked", "list").stdout == "nothing is parked\n"
    migrated = suite.run("migrate")
    assert migrated.returncode == 0 and migrated.stdout.count("current") == 5
    assert suite.run("unlock", "admin").returncode == 0
    assert suite.run("unlock", "nobody-of-this-name").returncode == suite.run("let-in", "nobody-of-this-name").returncode == 2
    assert suite.run("parked", "redrive").returncode == 2
    assert suite.run("down").returncode == 0, "down is down already"
    suite.start()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a suite that was first started with a password given."""
    return tmp_path_factory.mktemp("other") / "数据"


def test_detached_suite_is_stopped_by_down(other: Path) -> None:
    folder, port = str(other), str(free_port())
    up = aftersales("up", "--data", folder, "--port", port, "--detach")
    try:
        assert (up.returncode, up.stdout) == (0, f"ready http://127.0.0.1:{port}\n"), up.stderr
        shown = aftersales("status", "--data", folder)
        assert shown.returncode == 0 and "gateway.http" in shown.stdout
        second = aftersales("up", "--data", folder, "--port", str(free_port()), "--detach")
        assert second.returncode == 2 and "already runs" in second.stderr
        assert sign_in(f"http://127.0.0.1:{port}", ADMIN_PASSWORD) == 200
        assert not DataFolder(other).admin_password.exists()
    finally:
        down = aftersales("down", "--data", folder)
    assert down.returncode == 0
    assert aftersales("status", "--data", folder).returncode == 1
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=5)


def test_given_password_is_used_once_and_ignored_later(other: Path) -> None:
    """The suite that was detached, up again."""
    suite = RunningSuite(folder=other, extra={"AFTERSALES_ADMIN_PASSWORD": "another-password"})
    try:
        suite.start()
        assert (sign_in(suite.base, ADMIN_PASSWORD), sign_in(suite.base, "another-password")) == (200, 401)
    finally:
        suite.dispose()


@pytest.mark.long
def test_demonstration_data_is_loaded_once(tmp_path: Path) -> None:
    folder, port = str(tmp_path / "d"), str(free_port())
    counts = []
    for _ in range(2):
        up = aftersales("up", "--data", folder, "--port", port, "--detach", "--demo")
        try:
            assert up.returncode == 0, up.stderr
            from deploy.local.api import Api
            from deploy.local.keys import command_line_token

            token = command_line_token(DataFolder(Path(folder)).signing_key, 60)
            orders = Api(f"http://127.0.0.1:{port}", token=token).get("/work-orders", total="true", limit=200)
            counts.append(orders["total"])
            states = {order["state"] for order in orders["items"]}
        finally:
            aftersales("down", "--data", folder)
    assert counts == [9, 9]
    assert states >= {"registered", "in_repair", "in_check", "ready", "completed", "audited", "cancelled"}
    assert private(Path(folder) / "demo-users")


def test_a_stop_while_starting_ends_everything(tmp_path: Path) -> None:
    suite = RunningSuite(folder=tmp_path / "d")
    process = subprocess.Popen(
        [str(Path(__file__).parents[3] / "aftersales"), "up", "--data", str(suite.data), "--port", str(suite.port)],
        env=suite.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )
    while not (suite.data / "postgres" / "cluster").exists():
        time.sleep(0.02)
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(20) == 0
    assert [child for child in family if child.is_running()] == []
