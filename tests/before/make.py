"""Keeps the data of a version out of git's history, for all that come after it:

    python -m tests.before.make COMMIT FILE [--share 0.1] [--to FOLDER]

FILE: repairs in the format of the Open Repair Data Standard, of which ``--share`` is taken over, evenly. The version runs from a
checkout of its own, with an environment of its own where its requirements are others, and tells the story of this folder.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEPT = ("folder.tar.xz", "suite.backup", "keyring.json", "answers.json.xz", "story.json", "figures.json")
"""What is kept of a version."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.before.make", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("file", type=Path)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--to", type=Path, help="default: a folder beside this file, named after the commit")
    given = parser.parse_args()
    commit = git("rev-parse", "--verify", f"{given.commit}^{{commit}}").decode().strip()
    target = given.to or HERE / commit[:7]
    make(commit, given.file, given.share, target)
    for name in KEPT:
        print(f"{target / name}: {(target / name).stat().st_size / 1e6:.2f} MB")


def make(commit: str, repairs: Path, share: float, target: Path) -> None:
    """Fills ``target`` with the files of ``KEPT``, or ends with what went wrong."""
    with tempfile.TemporaryDirectory(prefix="aftersales-before-") as name:
        place = Path(name)
        code, made, chosen = place / "code", place / "made", place / "repairs.csv"
        checkout(commit, code)
        made.mkdir()
        chosen.write_text(evenly(repairs.read_text(encoding="utf-8"), share), encoding="utf-8", newline="")
        # Its own command makes its environment, where there is none that fits.
        for command in ([code / "aftersales", "--help"], [code / ".venv/bin/python", "-P", "-m", "tests.before.record", made, chosen]):
            done = subprocess.run(list(map(str, command)), cwd=code, env={**os.environ, "PYTHONPATH": str(code)}, stdout=subprocess.DEVNULL)
            if done.returncode:
                sys.exit(f"{commit[:7]}: {command[-1]} ended with {done.returncode}")
        target.mkdir(parents=True, exist_ok=True)
        for kept in KEPT:
            shutil.copy(made / kept, target / kept)


def checkout(commit: str, code: Path) -> None:
    """The version's files, with this folder's story in place of its own."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", commit))) as archive:
        archive.extractall(code, filter="data")
    shutil.rmtree(code / "tests/before", ignore_errors=True)
    shutil.copytree(HERE, code / "tests/before", ignore=lambda folder, names: [name for name in names if not name.endswith(".py")])
    lock = "requirements.lock"
    if (code / lock).read_bytes() == (ROOT / lock).read_bytes() and (ROOT / ".venv").exists():
        (code / ".venv").symlink_to((ROOT / ".venv").resolve())


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode().strip())
    return done.stdout


def evenly(text: str, share: float) -> str:
    """The head of a CSV and, of its records, this share from the first to the last."""
    head, *records = list(csv.reader(io.StringIO(text, newline="")))
    out = io.StringIO(newline="")
    csv.writer(out).writerows([head, *(record for place, record in enumerate(records) if int((place + 1) * share) > int(place * share))])
    return out.getvalue()


if __name__ == "__main__":
    main()
