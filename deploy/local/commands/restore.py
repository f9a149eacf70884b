"""Put a backup in the place of everything the suite holds; the suite must be down. Of a FOLDER the newest one is taken.

A system that holds data is replaced only when --yes confirms it. --check restores beside the suite, up or down, looks
whether the invariants hold, and throws the copy away: a test of the backup.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

import psycopg2

from chassis import crypto
from contracts import reconcile
from deploy.local.backup.archive import Archive, Unusable
from deploy.local.backup.restore import fill, send_again, sign_out_everybody
from deploy.local.commands.backup import backups
from deploy.local.folder import DataFolder
from deploy.local.replacing import CONFIRM, aside, replacing
from deploy.local.suite import Refused, beside

CHECKED = "_checked"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="FILE_OR_FOLDER")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--yes", action="store_true", help=CONFIRM)
    parser.add_argument("--keys", type=Path, metavar="FILE",
                        help="the key ring (keyring.json) of the suite that was saved, where it is another one")
    how.add_argument("--check", action="store_true", help="restore beside the suite, check the invariants, throw it away")


def run(arguments: argparse.Namespace) -> int:
    """0 restored (or the copy is sound), 1 the copy breaks invariants, 2 refused: nothing was changed."""
    source: Path = arguments.source.expanduser().resolve()
    path = next(reversed(backups(source)), None) if source.is_dir() else source
    if path is None or not path.is_file():
        raise Refused(f"there is no backup at {source}")
    try:
        with closing(Archive(path)) as archive:
            ring = _ring(arguments.data, arguments.keys, archive)
            if arguments.check:
                return _check(arguments.data, archive, path, ring)
            return _restore(arguments.data, archive, path, arguments.yes, ring)
    except (Unusable, psycopg2.OperationalError) as error:
        raise Refused(str(error).strip()) from None


def _ring(folder: DataFolder, given: Path | None, archive: Archive) -> Path:
    """The file of a ring that opens the backup."""
    path = given or folder.keyring
    try:
        fits = archive.manifest.opens_with(crypto.Ring.parse(path.read_text(encoding="utf-8")))
    except OSError:
        fits = not archive.manifest.keys and given is None  # nothing is sealed yet, a ring will be made
    except crypto.RingError as error:
        raise Refused(f"{path}: {error}") from None
    if not fits:
        raise Refused(f"{path} does not open this backup: name the keyring.json of the suite that was saved with --keys")
    return path


def _restore(folder: DataFolder, archive: Archive, path: Path, yes: bool, ring: Path) -> int:
    with replacing(folder, yes, keyring=ring) as databases:
        fill(archive, databases, _progress)
        events = send_again(databases)
        sign_out_everybody(databases)
    if archive.manifest.folder != folder.id:  # the administrator has the password of the suite that was saved
        folder.admin_password.unlink(missing_ok=True)
    print(f"{path}: {archive.manifest.rows} rows restored as of {archive.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC; "
          f"{events} events will be sent again; everybody signs in anew")
    return 0


def _check(folder: DataFolder, archive: Archive, path: Path, ring: Path) -> int:
    with beside(folder) as (server, prefix), aside(server, prefix, CHECKED, folder.secret) as databases:
        crypto.use(ring if ring.exists() else folder.keyring)
        fill(archive, databases, _progress)
        events = send_again(databases)
        report = reconcile.examine(databases, wait=0.0, live=False)
    for offender in report.offenders:
        print(f"{offender.invariant}  {offender.document}: {offender.detail}")
    print(f"{path}: {archive.manifest.rows} rows as of {archive.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, {events} events to "
          f"be sent again, {len(report.offenders)} offend")
    return 1 if report.offenders else 0


def _progress(service: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{service} … ", end="", file=sys.stderr, flush=True)
