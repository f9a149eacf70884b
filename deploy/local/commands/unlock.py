"""Lift the lock of a user after too many wrong passwords: for whoever has the machine, when no administrator can sign in."""

from __future__ import annotations

import argparse

from deploy.local.suite import Refused, Suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user")


def run(arguments: argparse.Namespace) -> int:
    from gateway.identity import letting_in

    with Suite.open(arguments.data) as suite:
        if not letting_in.unlock(suite.databases["gateway"].app_url, arguments.user):
            raise Refused(f"there is no user {arguments.user!r}")
    print(f"{arguments.user} may sign in again")
    return 0
