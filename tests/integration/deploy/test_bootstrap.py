"""The bootstrap `./aftersales` makes its environment without pip's talk, and shows all of it when that fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.suites import ROOT

NAMES_NOTHING = "# pip warns of a file without requirements\n"
NOWHERE = f"no-such-package-of-anybody==1 --hash=sha256:{64 * '0'}\n"


def bootstrap(folder: Path, lock: str) -> subprocess.CompletedProcess[str]:
    """`./aftersales` with this lock file and, in the place of the commands, a word that they were reached."""
    shutil.copy(ROOT / "aftersales", folder / "aftersales")
    (folder / "requirements.lock").write_text(lock)
    (folder / "deploy" / "local").mkdir(parents=True)
    for package in ("deploy", "deploy/local"):
        (folder / package / "__init__.py").touch()
    (folder / "deploy" / "local" / "cli.py").write_text('print("the command")')
    quick = {"PIP_NO_INDEX": "1", "PIP_RETRIES": "0", "PATH": "/usr/bin:/bin"}
    return subprocess.run([sys.executable, folder / "aftersales"], capture_output=True, text=True, env=quick, check=False, timeout=240)


def test_pip_says_nothing_while_all_goes_well_and_is_not_called_again(tmp_path: Path) -> None:
    done = bootstrap(tmp_path, NAMES_NOTHING)
    assert (done.returncode, done.stdout) == (0, "the command\n")
    [line] = done.stderr.splitlines()
    assert line.startswith("aftersales: installing requirements.lock")
    again = subprocess.run([sys.executable, tmp_path / "aftersales"], capture_output=True, text=True, check=False, timeout=60)
    assert (again.stdout, again.stderr) == ("the command\n", "")


def test_what_pip_says_is_shown_when_it_fails(tmp_path: Path) -> None:
    done = bootstrap(tmp_path, NOWHERE)
    assert done.returncode == 1 and "the command" not in done.stdout
    assert "no-such-package-of-anybody" in done.stderr and "could not make .venv" in done.stderr.splitlines()[-1]
