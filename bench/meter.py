"""What a run costs: CPU of every process, memory of all, and transactions of every database, before and after."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import psutil
import psycopg2
from sqlalchemy.engine import make_url

from deploy.local.databases import Database
from deploy.local.folder import DataFolder
from deploy.local.memory import of_suite, tree

COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Reading:
    """Seconds of CPU by process (PostgreSQL with all its backends), megabytes of all processes together, transactions by
    database, and when."""

    at: float
    cpu: Mapping[str, float]
    memory: float
    commits: Mapping[str, int]


def read(folder: DataFolder, databases: Mapping[str, Database]) -> Reading:
    spent = {name: cpu(entry["pid"], name == "postgres") for name, entry in folder.state.get("processes", {}).items()}
    commits = {name: _commits(database) for name, database in databases.items()}
    return Reading(time.monotonic(), spent, sum(filter(None, of_suite(folder.state).values())), commits)


def cpu(pid: int, whole: bool) -> float:
    """Seconds of a process; ``whole``: with all that is or was below it."""
    total = 0.0
    for process in tree(pid) if whole else tree(pid)[:1]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + (times.children_user + times.children_system if whole else 0.0)
    return total


def _commits(database: Database) -> int:
    url = make_url(database.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(COMMITS)
        row = cursor.fetchone()
        return int(row[0]) if row else 0
