"""The data folder: one holder at a time, secrets that stay secret, logs that stay small."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.files import write_private
from deploy.local.folder import DataFolder, FolderInUse
from deploy.local.logs import trim


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "数据 folder")
    made.prepare()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_one_holds_it(folder: DataFolder) -> None:
    assert not folder.locked
    with folder.lock():
        assert folder.locked
        with pytest.raises(FolderInUse, match=f"process {os.getpid()}"), folder.lock():
            pass
    assert not folder.locked


def test_the_lock_ends_with_its_process(folder: DataFolder) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; from pathlib import Path; from deploy.local.folder import DataFolder\n"
         "with DataFolder(Path(sys.argv[1])).lock(): print('held', flush=True); time.sleep(60)", str(folder.path)],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    assert folder.locked
    holder.kill()
    holder.wait()
    assert not folder.locked


def test_secrets_are_made_once_and_only_the_owner_reads_them(folder: DataFolder) -> None:
    first = folder.secret("orders_app")
    assert folder.secret("orders_app") == first != folder.secret("orders_owner")
    assert DataFolder(folder.path).secret("orders_app") == first
    assert mode(folder.path) == 0o700
    assert {mode(file) for file in folder.path.iterdir() if file.is_file()} == {0o600}


def test_a_private_file_is_never_readable_in_between(tmp_path: Path) -> None:
    target = tmp_path / "secret"
    target.write_text("old")
    target.chmod(0o644)
    write_private(target, "new")
    assert (target.read_text(), mode(target)) == ("new", 0o600)
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_identity_stays(folder: DataFolder) -> None:
    before = folder.id
    folder.prepare()
    assert folder.id == before and len(before) == 8


def test_state_of_a_stopped_suite_is_empty(folder: DataFolder) -> None:
    folder.write_state({"pid": 1})
    assert folder.state == {"pid": 1}
    folder.write_state(None)
    assert folder.state == {}


def test_logs_above_the_limit_keep_one_older_part(folder: DataFolder) -> None:
    log = folder.logs / "orders.http.log"
    with log.open("a") as writer:
        writer.write("x" * 150)
        writer.flush()
        trim(folder.logs, limit=100)
        assert log.stat().st_size == 0
        writer.write("after\n")
    assert log.read_text() == "after\n", "its writer goes on in the same file"
    assert (folder.logs / "orders.http.log.1").read_text() == "x" * 150
    trim(folder.logs, limit=100)
    assert log.read_text() == "after\n"
