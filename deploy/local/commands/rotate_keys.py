"""Seal all personal data under a new key, with the suite up or down; the former key retires when no row needs it.

Retired keys still open backups made before. --forget throws them away. The ring is `keyring.json` in the data folder: keep a
copy apart from the backups, and a new one after every turn; without it they cannot be read.
"""

from __future__ import annotations

import argparse
import sys

from deploy import rotate
from deploy.local.suite import Suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--forget", action="store_true", help="throw retired keys away, and with them backups of their time")


def run(arguments: argparse.Namespace) -> int:
    """0 done, 1 not to its end (run it again), 2 refused."""
    with Suite.open(arguments.data) as suite:
        try:
            (rotate.forget if arguments.forget else rotate.rotate)(suite.folder.keyring, suite.databases, print)
        except rotate.NotTurned as error:
            print(f"aftersales rotate-keys: {error}", file=sys.stderr)
            return 1
    return 0
