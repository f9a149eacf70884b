"""docs/adding-an-action.md is true: its blocks, applied to a copy of the repository in their order, make an action that works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.suites import ROOT

PAGE = ROOT / "docs" / "adding-an-action.md"
BLOCK = re.compile(r"^```(diff|sh)\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository's files as they lie here, committed or not, and no history."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.timeout(300)
def test_every_block_can_be_applied_and_the_action_works(copy: Path) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert [kind for kind, _ in blocks].count("diff") >= 5 and "test_hold.py" in blocks[-1][1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(copy)}
    for kind, text in blocks:
        command = ["git", "apply", "-"] if kind == "diff" else ["bash", "-eu"]
        # A folder above may be a repository of its own: `git apply` would then pass over what is not in it.
        done = subprocess.run(command, cwd=copy, input=text, capture_output=True, text=True, check=False,
                              env={**env, "GIT_CEILING_DIRECTORIES": str(copy.parent)})
        assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}\n{done.stderr}"
    assert " passed" in done.stdout and (copy / "tests/integration/orders/test_hold.py").exists()
