"""Parked events of all services: list them, show one, give one or all another set of attempts."""

from __future__ import annotations

import argparse
import json
import uuid
from contextlib import closing
from typing import Any

from chassis.db.engine import make_engine
from chassis.messaging import parked
from deploy.local.suite import Refused, Suite


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action")
    actions.add_parser("list", help="one line for each parked event (the default)")
    actions.add_parser("show", help="everything about one, as JSON").add_argument("id", type=uuid.UUID)
    redrive = actions.add_parser("redrive", help="try again")
    redrive.add_argument("id", type=uuid.UUID, nargs="?")
    redrive.add_argument("--all", action="store_true", help="all parked events")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "redrive" and bool(arguments.id) == arguments.all:
        raise Refused("name one event to redrive, or --all")
    with Suite.open(arguments.data) as suite:
        found = 0
        for name, database in suite.databases.items():
            with closing(_Engine(database.app_url, name)) as engine:
                found += _ACTIONS[arguments.action or "list"](name, engine.engine, arguments)
    if arguments.action in ("show", "redrive") and arguments.id and not found:
        raise Refused(f"no event {arguments.id} is parked")
    if arguments.action == "redrive":
        print(f"{found} to be tried again")
    elif not found:
        print("nothing is parked")
    return 0


class _Engine:
    def __init__(self, url: str, name: str) -> None:
        self.engine = make_engine(url, size=1, application=f"{name}.cli")

    def close(self) -> None:
        self.engine.dispose()


def _list(service: str, engine: Any, arguments: argparse.Namespace) -> int:
    rows = parked.entries(engine)
    for row in rows:
        print(f"{row.event_id}  {service:<10}  {row.type}  {row.received_at:%Y-%m-%d %H:%M}  "
              f"{row.attempts} attempts  {row.reason}")
    return len(rows)


def _show(service: str, engine: Any, arguments: argparse.Namespace) -> int:
    row = parked.show(engine, arguments.id)
    if row is not None:
        print(json.dumps({"service": service, **row._mapping}, indent=2, default=str, ensure_ascii=False))
    return int(row is not None)


def _redrive(service: str, engine: Any, arguments: argparse.Namespace) -> int:
    return parked.redrive(engine, arguments.id)


_ACTIONS = {"list": _list, "show": _show, "redrive": _redrive}
