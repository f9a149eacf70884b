"""Make an empty suite: databases, schema, headquarters and the first administrator. The suite must be down; one that holds
data is emptied only when --yes confirms it (there is `backup`).
"""

from __future__ import annotations

import argparse
import os

from deploy import prepare
from deploy.local import demo
from deploy.local.replacing import CONFIRM, replacing
from deploy.local.suite import Refused


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help=CONFIRM)


def run(arguments: argparse.Namespace) -> int:
    """0 empty, 2 refused: nothing was changed."""
    folder = arguments.data
    given = os.environ.get("AFTERSALES_ADMIN_PASSWORD", "")
    with replacing(folder, arguments.yes) as databases:
        prepare.migrate_all(databases)
        code = prepare.ensure_administrator(databases["gateway"], given, folder)
        if code == prepare.REFUSED:
            raise Refused("AFTERSALES_ADMIN_PASSWORD is too short")
    demo.forget(folder)
    print(f"the suite of {folder.path} is empty")
    if code == prepare.ADMINISTRATOR_MADE:
        print(f"administrator admin, password {folder.admin_password.read_text()} (kept in {folder.admin_password})")
    else:
        folder.admin_password.unlink(missing_ok=True)
    return 0
