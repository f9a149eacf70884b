"""Let an administrator of headquarters in again, whatever shut him out: for whoever has the machine.

Lifts the lock, gives a one-time password, makes the user active, an administrator and one of headquarters; ends his sessions.
"""

from __future__ import annotations

import argparse

from deploy.local.suite import Refused, Suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", help="sign-in name of one of the staff")


def run(arguments: argparse.Namespace) -> int:
    from chassis.domain.errors import DomainError
    from gateway.identity import letting_in

    with Suite.open(arguments.data) as suite:
        try:
            password = letting_in.let_in(suite.databases["gateway"].app_url, arguments.user)
        except DomainError as error:
            raise Refused(error.detail or error.code) from None
    print(
        f"{arguments.user} is an administrator of headquarters and signs in with this password, which has to be changed then: {password}"
    )
    return 0
