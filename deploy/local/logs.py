"""Logs of bounded size: one file for each process, and one older part."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LIMIT = 10 * 2**20


def trim(folder: Path, limit: int = LIMIT) -> None:
    """Moves the content of logs above the limit to ``<log>.1``. Their writers append and keep their file open, so it is
    emptied in place; a line written in between may be lost."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > limit:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            log.with_name(f"{log.name}.1").chmod(0o600)
            os.truncate(log, 0)
