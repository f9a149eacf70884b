"""Before the first process starts: databases and roles, schema, headquarters and the first administrator.

Also the image's one-shot ``migrate`` command: ``AFTERSALES_DATABASE_URL`` is a server URL that may create databases,
``AFTERSALES_OWNER_PASSWORD`` and ``AFTERSALES_APP_PASSWORD`` are those of the roles it makes, ``AFTERSALES_SIGNING_KEY``
and ``AFTERSALES_KEYRING`` are where the signing key and the key ring lie or are to lie.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from chassis.crypto import RingError
from chassis.db import migrate, resealing
from chassis.db.engine import owner_engine
from chassis.service import find_service
from deploy.local import keys
from deploy.local.databases import Database, ensure_databases
from deploy.local.files import write_private
from deploy.local.folder import DataFolder
from gateway.identity import bootstrap

SHORTEST_PASSWORD = 8


REFUSED, ADMINISTRATOR_MADE = 2, 10
"""Exit codes of preparing: a setting is unusable · a generated password is in the data folder and must be shown."""


class PasswordTooShort(Exception):
    """The first administrator's password was given but is too short."""

    def __init__(self) -> None:
        super().__init__(f"AFTERSALES_ADMIN_PASSWORD needs at least {SHORTEST_PASSWORD} characters")


def checked(password: str) -> None:
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordTooShort


def migrate_all(databases: Mapping[str, Database]) -> dict[str, list[str]]:
    """Brings every database to the current release; the revisions applied by service. Raises SchemaMismatch, RingError."""
    applied = {}
    for name, database in databases.items():
        service = find_service(name)
        applied[name] = migrate.upgrade(service, database.owner_url)
        resealing.require_ring(owner_engine(database.owner_url), service)
    return applied


def ensure_administrator(gateway: Database, given: str, folder: DataFolder) -> int:
    """Headquarters and the first administrator of a local suite, with the password given or one generated into the data
    folder. An exit code; the password is looked at only when there is no administrator yet."""
    kept = folder.admin_password
    password = given or (kept.read_text() if kept.exists() else secrets.token_urlsafe(12))

    def check(new: str) -> None:
        if given:
            checked(given)
        else:
            write_private(kept, new)

    try:
        made = bootstrap.ensure(gateway.app_url, password, check)
    except PasswordTooShort as error:
        print(error, file=sys.stderr)
        return REFUSED
    return ADMINISTRATOR_MADE if made and not given else 0


def main() -> int:
    try:
        server = os.environ["AFTERSALES_DATABASE_URL"]
        passwords = {kind: os.environ[f"AFTERSALES_{kind.upper()}_PASSWORD"] for kind in ("owner", "app")}
        admin = os.environ["AFTERSALES_ADMIN_PASSWORD"]
    except KeyError as error:
        print(f"migrate: {error.args[0]} is not set", file=sys.stderr)
        return 2
    if key := os.environ.get("AFTERSALES_SIGNING_KEY"):
        keys.ensure_signing_key(Path(key))
    if ring := os.environ.get("AFTERSALES_KEYRING"):
        keys.ensure_keyring(Path(ring))
    prefix = os.environ.get("AFTERSALES_DATABASE_PREFIX", "")
    databases = ensure_databases(server, prefix, lambda role: passwords[role.rpartition("_")[2]])
    try:
        for name, applied in migrate_all(databases).items():
            print(f"{name}: {', '.join(applied) or 'current'}")
    except (migrate.SchemaMismatch, RingError) as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 1
    try:
        made = bootstrap.ensure(databases["gateway"].app_url, admin, check=checked)
    except PasswordTooShort as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 2
    print("administrator admin made" if made else "administrator admin exists")
    return 0
