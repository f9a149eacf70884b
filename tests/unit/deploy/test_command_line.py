"""Dispatch of `./aftersales`, and what it refuses before anything is started."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from deploy.local import cli
from deploy.local.commands import test as test_command
from deploy.local.suite import Refused, Servers


@pytest.fixture(autouse=True)
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "AMQP_URL", "DATABASE_PREFIX", "ADMIN_PASSWORD"):
        monkeypatch.delenv(f"AFTERSALES_{name}", raising=False)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")  # `up` sets it: not for the tests that come after
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")


def test_every_command_has_its_module() -> None:
    assert set(cli.COMMANDS) == set(cli.HELP)
    for module in cli.COMMANDS.values():
        name = module if module == cli.BENCH else f"deploy.local.commands.{module}"
        assert importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("words", [["--data", "{}", "status"], ["status", "--data", "{}"], ["status", "--data={}"]])
def test_the_data_folder_may_stand_anywhere(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([word.format(tmp_path / "d") for word in words]) == 1
    assert str(tmp_path / "d") in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["nonsense"], ["status", "--nonsense"], ["up", "--port", "70000"], ["up", "--port", "x"],
                                   ["up", "--workers", "0"], ["unlock"], ["let-in"]])
def test_wrong_use_exits_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2


@pytest.mark.parametrize("command", [["reconcile"], ["migrate"], ["parked", "list"], ["unlock", "admin"], ["let-in", "admin"]])
def test_a_folder_without_a_suite_exits_2(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--data", str(tmp_path / "none")]) == 2
    assert "holds no suite" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("given", ["DATABASE_URL", "AMQP_URL"])
def test_one_server_without_the_other_is_refused(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"AFTERSALES_{given}", "postgresql://nobody@127.0.0.1:1/none")
    assert cli.main(["up", "--data", str(tmp_path / "d")]) == 2
    assert f"AFTERSALES_{given} is set but" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_a_short_administrator_password_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AFTERSALES_ADMIN_PASSWORD", "1234567")
    assert cli.main(["up", "--data", str(tmp_path / "d")]) == 2
    assert "at least 8" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_database_names_start_with_the_prefix_or_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deploy.local.folder import DataFolder

    folder = DataFolder(tmp_path)
    folder.prepare()
    assert Servers("d", "a", None).prefix_for(folder) == f"aftersales_{folder.id}_"
    assert Servers("d", "a", "mine_").prefix_for(folder) == "mine_"
    assert Servers.given() is None
    monkeypatch.setenv("AFTERSALES_DATABASE_URL", "d")
    with pytest.raises(Refused):
        Servers.given()


WHOLE = [*test_command.LANES, *test_command.SLOWEST]


@pytest.mark.parametrize(("words", "pytest_gets", "checked"), [
    ([], WHOLE, True), (["fast"], [*WHOLE, "--fast"], True), (["--long"], [*WHOLE, "--long"], True),
    (["-k", "fast"], ["-k", "fast"], False), (["--long", "tests/faults"], ["--long", "tests/faults"], False),
    (["fast", "tests/unit", "-x"], ["--fast", "tests/unit", "-x"], False),
])
def test_arguments_of_test_go_to_pytest(
    words: list[str], pytest_gets: list[str], checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    checks: list[str] = []

    def call(command: list[str], env: dict[str, str], **_: object) -> int:
        calls.append(command)
        assert "PYTHONDONTWRITEBYTECODE" not in env and env["PATH"] == os.environ["PATH"], "all but what makes every process compile anew"
        return 5

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(test_command.subprocess, "call", call)
    monkeypatch.setattr(test_command, "_passes", lambda name, command: bool(checks.append(name)) or True)
    assert cli.main(["test", *words]) == 5, "the exit code is pytest's"
    assert calls[0][calls[0].index("pytest") + 1:] == pytest_gets
    assert checks == (list(test_command.CHECKS) if checked else [])


def test_a_failed_check_fails_a_run_whose_tests_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_command.subprocess, "call", lambda command, **_: 0)
    monkeypatch.setattr(test_command, "_passes", lambda name, command: name != "mypy")
    assert cli.main(["test"]) == 1


@pytest.mark.parametrize("command", [["init"], ["restore", "{}"]])
def test_a_server_that_is_away_is_named(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json
    import zipfile

    from deploy.local.databases import NAMES

    empty = {name: {"revision": "0001", "tables": {}, "sequences": {}} for name in NAMES}
    told = {"format": 1, "made_at": "2026-01-01T00:00:00+00:00", "folder": "x", "paused": 0.0, "databases": empty}
    with zipfile.ZipFile(tmp_path / "one.backup", "w") as archive:
        archive.writestr("manifest.json", json.dumps(told))
    monkeypatch.setenv("AFTERSALES_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("AFTERSALES_AMQP_URL", "amqp://127.0.0.1:1/")
    words = [word.format(tmp_path / "one.backup") for word in command]
    assert cli.main([*words, "--yes", "--data", str(tmp_path / "d")]) == 2
    said = capsys.readouterr().err
    assert "PostgreSQL" in said and "refused" in said
