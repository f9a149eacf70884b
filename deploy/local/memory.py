"""Memory of processes as proportional set size: shared pages are counted once over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psutil


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def used(processes: Iterable[psutil.Process]) -> float | None:
    """Megabytes (of 2^20 bytes) of the processes together; None when none of them runs."""
    total, alive = 0, False
    for process in processes:
        try:
            full = process.memory_full_info()
        except psutil.Error:
            continue
        total += getattr(full, "pss", full.rss)
        alive = True
    return total / 2**20 if alive else None


def of_suite(state: Mapping[str, Any]) -> dict[str, float | None]:
    """Megabytes of each process in a data folder's state, PostgreSQL with all its backends; None for one that is gone."""
    return {
        name: used(tree(entry["pid"])[: None if name == "postgres" else 1])
        for name, entry in state.get("processes", {}).items()
    }
