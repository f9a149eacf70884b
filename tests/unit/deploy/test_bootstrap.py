"""The bootstrap in a checkout of its own, whose path has spaces and Chinese characters and whose command only tells how
it was called. The lock file is empty, so nothing is downloaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMAND = """
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "folder": os.getcwd(), "python": sys.executable, "path": sys.path[:2]}))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("check out") / "售后 服务"
    (folder / "deploy" / "local").mkdir(parents=True)
    (folder / "deploy" / "local" / "cli.py").write_text(COMMAND)
    (folder / "requirements.lock").write_text("# nothing\n")
    shutil.copy(ROOT / "aftersales", folder)
    return folder


def call(checkout: Path, *arguments: str, cwd: Path | None = None) -> tuple[dict[str, object], str]:
    done = subprocess.run(
        [sys.executable, str(checkout / "aftersales"), *arguments], cwd=cwd or checkout, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(checkout / "nowhere")}, timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_environment_is_made_once_also_by_two_at_once(checkout: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda _: call(checkout, "status"), range(2)))
    assert sorted("installing" in said for _, said in answers) == [False, True]
    told, said = call(checkout, "up", "--data", "数据 1", cwd=tmp_path)
    assert said == "", "a complete environment is left alone"
    assert told == {
        "arguments": ["up", "--data", "数据 1"], "folder": str(tmp_path), "python": str(checkout / ".venv/bin/python"),
        "path": [str(checkout), told["path"][1]],  # type: ignore[index]
    }


def test_another_lock_file_or_an_unfinished_installation_counts_as_stale(checkout: Path) -> None:
    call(checkout)
    (checkout / "requirements.lock").write_text("# changed\n")
    assert "installing" in call(checkout)[1]
    (checkout / ".venv" / "lock.sha256").unlink()
    shutil.rmtree(checkout / ".venv" / "lib")
    assert "installing" in call(checkout)[1]
    assert call(checkout)[1] == ""
