"""A data folder as the first start leaves it, made once in a run and copied for each suite of it.

A first start takes more than twice as long as those after it: it makes the cluster, the schema of five databases and the administrator.
That it does so, and what it says, is shown by tests/integration/deploy/test_up.py.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy import prepare
from deploy.local.folder import DataFolder
from deploy.local.suite import databases_of

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "AFTERSALES_TEST_PREPARED"
"""Names the folder in which the workers of a run share what is prepared."""
OWN = ("id", "signing-key.pem", "jwks.json", "lock", "logs")
"""What a suite makes for itself when it starts. The key ring is known to the databases, so that is copied."""


def share() -> Callable[[], None]:
    """To be called once in a run, before its workers start; the answer ends it."""
    folder = tempfile.TemporaryDirectory(prefix="aftersales-prepared-")
    os.environ[VARIABLE] = folder.name
    return folder.cleanup


def lay(data: Path, environment: dict[str, str]) -> None:
    """Makes ``data`` such a folder, in a run that shares one. ``environment``: of all suites alike, not of the one that comes first."""
    if VARIABLE not in os.environ:
        return
    shared = Path(os.environ[VARIABLE])
    made = shared / "data"
    with open(shared / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes second waits for the first
        if not made.exists():
            making = shared / "making"
            shutil.rmtree(making, ignore_errors=True)
            command = [sys.executable, "-P", "-m", __name__, str(making)]
            subprocess.run(command, env={**environment, "PYTHONPATH": str(ROOT)}, cwd=ROOT, check=True, timeout=120)
            making.rename(made)
    shutil.copytree(made, data, ignore=lambda place, names: OWN if Path(place) == made else ())


def make(data: Path) -> None:
    """What ``up`` does before it starts the first process."""
    folder = DataFolder(data)
    folder.prepare()
    with folder.lock(), databases_of(folder) as (_, databases):
        prepare.migrate_all(databases)
        prepare.ensure_administrator(databases["gateway"], os.environ["AFTERSALES_ADMIN_PASSWORD"], folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
