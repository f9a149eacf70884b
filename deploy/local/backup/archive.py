"""The backup file: a zip of mode 600 with ``manifest.json`` and ``<service>/<table>.copy``, each entry with a checksum.

A file under its final name is whole: it is written beside it, synced and renamed.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from chassis import crypto
from deploy.local.backup import tables
from deploy.local.backup.cut import cut
from deploy.local.backup.tables import Content, Table
from deploy.local.databases import NAMES, Database

FORMAT = 1
SUFFIX = ".backup"
MANIFEST = "manifest.json"
LEVEL = 6


class Unusable(Exception):
    """Not a backup, a damaged one, or one this release cannot read; the text says which."""


@dataclass(frozen=True)
class Manifest:
    """``folder`` is the id of the data folder that was saved, ``paused`` the seconds for which writes waited. ``keys`` are the
    ids of the keys its rows are sealed under, ``index`` tells the key of its marks; the keys themselves are not in it."""

    made_at: datetime
    folder: str
    paused: float
    databases: Mapping[str, Content]
    keys: tuple[str, ...] = ()
    index: str = ""

    def opens_with(self, ring: crypto.Ring) -> bool:
        return set(self.keys) <= set(ring.keys) and self.index in ("", ring.name)

    @property
    def rows(self) -> int:
        return sum(table.rows for content in self.databases.values() for table in content.tables.values())


def write(path: Path, databases: Mapping[str, Database], folder: str) -> Manifest:
    """Saves the databases, up or down, at one instant. Raises ``NoPause`` and what the disk says."""
    aside = path.with_name(f".{path.name}.part")
    aside.unlink(missing_ok=True)
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive, cut(databases) as now:
                manifest = Manifest(datetime.now(UTC), folder, round(now.paused, 3), {})
                contents = {name: tables.content(connection) for name, connection in now.connections.items()}
                for service, connection in now.connections.items():
                    for name, table in contents[service].tables.items():
                        with archive.open(_entry(service, name), "w", force_zip64=True) as entry:
                            tables.save(connection, name, table, entry)  # type: ignore[arg-type]
                    connection.rollback()  # the snapshot is not held longer than needed
                ring = crypto.ring(anew=True)  # after the snapshots: it has every key they need
                manifest = Manifest(manifest.made_at, folder, manifest.paused, contents, tuple(ring.keys), ring.name)
                archive.writestr(MANIFEST, _encoded(manifest))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return manifest


class Archive:
    """A backup opened for reading."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest = _decoded(self._zip.read(MANIFEST))
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
            raise Unusable(f"{path} is no backup, or a damaged one ({error})") from None

    def close(self) -> None:
        self._zip.close()

    @contextmanager
    def opened(self, service: str, table: str) -> Iterator[IO[bytes]]:
        """The rows of a table; a checksum that does not fit raises ``Unusable``."""
        try:
            with self._zip.open(_entry(service, table)) as file:
                yield file
                while file.read(1 << 20):  # COPY stops at the last row; the checksum is compared at the end
                    pass
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
            raise Unusable(f"the rows of {service}.{table} are damaged ({error})") from None


def _entry(service: str, table: str) -> str:
    return f"{service}/{table}.copy"


def _encoded(manifest: Manifest) -> str:
    return json.dumps({"format": FORMAT, **asdict(manifest)}, default=str, indent=1, ensure_ascii=False)


def _decoded(text: bytes) -> Manifest:
    found = json.loads(text)
    if found["format"] != FORMAT:
        raise Unusable(f"it has format {found['format']}, this release reads {FORMAT}")
    databases = {
        name: Content(
            each["revision"],
            {table: Table(**known) for table, known in each["tables"].items()},
            {sequence: tuple(state) for sequence, state in each["sequences"].items()},
        )
        for name, each in found["databases"].items()
    }
    if set(databases) != set(NAMES):
        raise Unusable(f"it holds {', '.join(databases)}, this release has {', '.join(NAMES)}")
    return Manifest(datetime.fromisoformat(found["made_at"]), found["folder"], found["paused"], databases,
                    tuple(found.get("keys", ())), found.get("index", ""))


def _sync_folder(folder: Path) -> None:
    """The name survives a crash as well; some file systems refuse, and then know better."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
