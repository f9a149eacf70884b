"""Turning the key ring (G-24): a new key seals from now on, every row is sealed again beside the running suite, and a key that
no row needs any more retires: it still opens older backups, until it is forgotten.

Also the image's one-shot ``rotate-keys`` command, beside the running processes, with the environment of ``migrate``. Cut off
at any moment, it is simply run again and goes on where it was.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from chassis import crypto
from chassis.crypto.source import LOOK_EVERY
from chassis.db import resealing
from chassis.db.engine import owner_engine
from chassis.service import find_service
from deploy.local import keys
from deploy.local.databases import Database, ensure_databases
from deploy.local.files import write_private

ROUNDS, REST = 10, 1.0
SETTLED = timedelta(minutes=2)
"""A transaction that sealed with the key before may commit this long after: only then a retired key may be forgotten."""
Say = Callable[[str], None]


class NotTurned(Exception):
    """The text says why; whatever was done stays, and a repetition goes on."""


def rotate(ring: Path, databases: Mapping[str, Database], say: Say) -> None:
    """A new key for everything. One that was cut off before is finished first, without another key."""
    with _alone(ring):
        crypto.use(ring)
        former = _former(crypto.ring(anew=True))
        if not former:
            former = [crypto.ring().current]
            _write(ring, crypto.ring().rotated())
            say(f"key {crypto.ring().current} seals from now on")
            time.sleep(2 * LOOK_EVERY)  # until every process has noticed
        _seal_again(databases, say)
        turned = crypto.ring()
        for id in former:
            turned = turned.retired(id)
        _write(ring, turned)
        say(f"retired: {', '.join(former)}")


def forget(ring: Path, databases: Mapping[str, Database], say: Say) -> None:
    """Throws retired keys away; backups made under them are lost with them."""
    with _alone(ring):
        crypto.use(ring)
        kept = crypto.ring(anew=True)
        retired = {id: key.retired_at for id, key in kept.keys.items() if key.retired_at}
        if any(datetime.now(UTC) - at < SETTLED for at in retired.values()):
            raise NotTurned(f"a key retired less than {SETTLED.seconds // 60} minutes ago: wait that long")
        used = {id for found in _in_use(databases).values() for id in found}
        if needed := sorted(used & set(retired)):
            raise NotTurned(f"rows still need {', '.join(needed)}: run `rotate-keys` first")
        for id in retired:
            kept = kept.without(id)
        _write(ring, kept)
        say(f"forgotten: {', '.join(retired) or 'none'}")


def _former(ring: crypto.Ring) -> list[str]:
    return [id for id, key in ring.keys.items() if id != ring.current and key.retired_at is None]


def _seal_again(databases: Mapping[str, Database], say: Say) -> None:
    """Until nothing is left, also of what was written by the former key meanwhile."""
    for _ in range(ROUNDS):
        for name, engine in _engines(databases):
            if rows := sum(resealing.reseal(engine, find_service(name))):
                say(f"{name}: {rows} values sealed again")
        left = {name: found for name, found in _in_use(databases).items() if set(found) - {crypto.ring().current}}
        if not left:
            return
        time.sleep(REST)
    raise NotTurned(f"rows are held by somebody in {', '.join(left)}: run it again")


def _in_use(databases: Mapping[str, Database]) -> dict[str, dict[str, int]]:
    return {name: resealing.in_use(engine, find_service(name)) for name, engine in _engines(databases)}


def _engines(databases: Mapping[str, Database]) -> Iterator[tuple[str, Engine]]:
    for name, database in databases.items():
        engine = owner_engine(database.owner_url)
        try:
            yield name, engine
        finally:
            engine.dispose()


def _write(path: Path, ring: crypto.Ring) -> None:
    write_private(path, ring.text())
    crypto.ring(anew=True)


@contextmanager
def _alone(ring: Path) -> Iterator[None]:
    descriptor = os.open(ring.with_name(f"{ring.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NotTurned("somebody is turning the ring already") from None
    else:
        yield
    finally:
        os.close(descriptor)


def main(arguments: list[str]) -> int:
    """The image's command, with the environment of ``migrate``."""
    try:
        server, ring = os.environ["AFTERSALES_DATABASE_URL"], Path(os.environ["AFTERSALES_KEYRING"])
        passwords = {kind: os.environ[f"AFTERSALES_{kind.upper()}_PASSWORD"] for kind in ("owner", "app")}
    except KeyError as error:
        print(f"rotate-keys: {error.args[0]} is not set", file=sys.stderr)
        return 2
    prefix = os.environ.get("AFTERSALES_DATABASE_PREFIX", "")
    keys.ensure_keyring(ring)
    databases = ensure_databases(server, prefix, lambda role: passwords[role.rpartition("_")[2]])
    try:
        (forget if arguments == ["--forget"] else rotate)(ring, databases, print)
    except NotTurned as error:
        print(f"rotate-keys: {error}", file=sys.stderr)
        return 1
    return 0
