"""Save all five databases at one instant into one compressed file (mode 600), with the suite up or down.

FILE must not exist yet. In a FOLDER the file is named after the time; --keep N removes the oldest there beyond N.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from deploy.local.backup.archive import SUFFIX, write
from deploy.local.backup.cut import NoPause
from deploy.local.suite import Refused, Suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--keep", type=_count, metavar="N", help="of the backups in the folder keep the newest N")


def run(arguments: argparse.Namespace) -> int:
    """0 saved, 1 it could not be (nothing is left behind), 2 refused."""
    target: Path = arguments.target.expanduser().resolve()
    folder = target if target.is_dir() else None
    path = target if folder is None else folder / f"aftersales-{datetime.now(UTC):%Y%m%dT%H%M%S}Z{SUFFIX}"
    if path.exists():
        raise Refused(f"{path} exists")
    if not path.parent.is_dir():
        raise Refused(f"there is no folder {path.parent}")
    if arguments.keep and folder is None:
        raise Refused("--keep needs a folder")
    try:
        with Suite.open(arguments.data) as suite:
            manifest = write(path, suite.databases, suite.folder.id)
    except (NoPause, psycopg2.Error, OSError) as error:
        print(f"aftersales backup: {str(error).strip()}", file=sys.stderr)
        return 1
    print(f"{path}: {manifest.rows} rows, {path.stat().st_size / 1e6:.1f} MB, writes paused {manifest.paused:.2f} s")
    for old in backups(folder)[:-arguments.keep] if folder and arguments.keep else ():
        old.unlink()
        print(f"{old}: removed")
    return 0


def backups(folder: Path) -> list[Path]:
    """The backups that were named after their time in a folder, oldest first."""
    return sorted(folder.glob(f"aftersales-*{SUFFIX}"))


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
