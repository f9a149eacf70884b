"""Memory, descriptors and connections of a suite at rest, compared with its beginning."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import psutil

from tests.faults.rig import Rig

MEGABYTES = 40
"""A process may have grown by so much: caches fill, peaks leave holes."""
DESCRIPTORS = 40
IDLE_IN_TRANSACTION = "idle in transaction"


@dataclass(frozen=True)
class Reading:
    """By process: unshared memory in megabytes, open descriptors. ``connections``: by application name and state."""

    memory: Mapping[str, float]
    descriptors: Mapping[str, int]
    connections: Mapping[tuple[str, str], int]


def read(rig: Rig) -> Reading:
    memory, descriptors = {}, {}
    for name, pid in rig.pids().items():
        try:
            process = psutil.Process(pid)
            memory[name] = process.memory_full_info().uss / 2**20
            descriptors[name] = process.num_fds()
        except psutil.Error:
            continue
    statement = """SELECT application_name, coalesce(state, ''), count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND application_name NOT IN ('campaign', 'aftersales reconcile') GROUP BY 1, 2"""
    connections = {(name, state): number for name, state, number in rig.rows("", statement)}
    return Reading(memory, descriptors, connections)


def at_rest(rig: Rig, readings: int = 5) -> Reading:
    """What most of several readings say: a timer may just be running."""
    taken = []
    for _ in range(readings):
        taken.append(read(rig))
        time.sleep(0.6)
    connections = {key: int(median(one.connections.get(key, 0) for one in taken)) for one in taken for key in one.connections}
    return Reading(taken[-1].memory, taken[-1].descriptors, connections)


def found(before: Reading, after: Reading, limits: Mapping[str, int]) -> list[str]:
    """``limits``: connections that each application may keep."""
    leaks = []
    for name, used in after.memory.items():
        if name in before.memory and name != "postgres" and used > before.memory[name] + MEGABYTES:
            leaks.append(f"{name} grew from {before.memory[name]:.0f} to {used:.0f} MB")
    for name, used in after.descriptors.items():
        if name in before.descriptors and used > before.descriptors[name] + DESCRIPTORS:
            leaks.append(f"{name} went from {before.descriptors[name]} to {used} open descriptors")
    together: Counter[str] = Counter()
    for (application, state), number in after.connections.items():
        together[application] += number
        if state.startswith(IDLE_IN_TRANSACTION) and number:
            leaks.append(f"{number} connections of {application!r} are {state} at rest")
    for application, number in together.items():
        limit = next((most for start, most in limits.items() if application.endswith(start)), None)
        if limit is not None and number > limit:
            leaks.append(f"{number} connections of {application!r}, {limit} at most")
    return leaks
