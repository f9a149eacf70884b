"""`bench consume`: events a second through the inbox with their effect, in one process, beside psycopg2 doing the same
statements, one event per commit, in as few calls as there can be."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from typing import Any

import psycopg2
from rich.console import Console
from sqlalchemy.engine import make_url

from bench import ratios
from bench.exchange import TYPE, Exchange, envelope, exchange, until
from chassis.domain.aggregate import new_id
from chassis.messaging import inbox, together

REACH = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=1500, help="of each turn (default 1500)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")


def run(arguments: argparse.Namespace, _running: Any = None) -> int:
    """0 when all ways of handling reach half of the floor, else 1."""
    with exchange() as found:
        count = arguments.events
        received, gathered, worked, floor = ratios.in_turn(
            arguments.rounds, lambda: _received(found, count), lambda: _gathered(found, count), lambda: _worked(found, count),
            lambda: _bare(found, count),
        )  # fmt: skip
    rows = [
        ratios.Ratio.of("inbox, an event alone", received, floor, REACH, at_least=True),
        ratios.Ratio.of(f"inbox, {together.MOST} events together", gathered, floor, REACH, at_least=True),
        ratios.Ratio.of("worker on RabbitMQ", worked, floor, REACH, at_least=True),
    ]
    return 0 if ratios.show(Console(highlight=False), "one process", "events/s", "psycopg2 alone", rows) else 1


def _received(found: Exchange, count: int) -> float:
    from tests.integration.messaging.mill.app import SERVICE as MILL

    events = [envelope(new_id(), 1) for _ in range(count)]
    began = time.monotonic()
    for event in events:
        inbox.receive(MILL, found.mill.engine, event)
    return count / (time.monotonic() - began)


def _gathered(found: Exchange, count: int) -> float:
    from tests.integration.messaging.mill.app import SERVICE as MILL

    events = [envelope(new_id(), 1) for _ in range(count)]
    began = time.monotonic()
    for start in range(0, count, together.MOST):
        together.receive(MILL, found.mill.engine, events[start : start + together.MOST])
    return count / (time.monotonic() - began)


def _worked(found: Exchange, count: int) -> float:
    """The queue is filled before the worker starts; counted from its first effect."""
    before = found.handled()
    found.tell(count)
    with found.process("relay"):
        until(lambda: not found.unsent())
    with found.process("worker"):
        began = until(lambda: found.handled() > before)
        first = found.handled()
        ended = until(lambda: found.handled() >= before + count)
    return (before + count - first) / (ended - began)


def _bare(found: Exchange, count: int) -> float:
    """The statements of mill: inbox row, copy, effect, with BEGIN and COMMIT in one call."""
    url = make_url(found.mill.app_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        began = time.monotonic()
        for _ in range(count):
            id, subject = str(new_id()), str(new_id())
            cursor.execute(
                "BEGIN; SET LOCAL app.scope = '/'; INSERT INTO inbox (event_id, type, source, subject, sequence,"
                " state, received_at, handled_at) VALUES (%s, %s, '/shop', %s, 1, 'done', now(), now()) ON CONFLICT DO NOTHING;"
                " INSERT INTO mill_sale_copies (id, sequence, amount) VALUES (%s, 1, 12.5) ON CONFLICT (id) DO UPDATE"
                " SET sequence = excluded.sequence, amount = excluded.amount WHERE mill_sale_copies.sequence < excluded.sequence;"
                " INSERT INTO mill_effects (event_id) VALUES (%s); COMMIT",
                (id, TYPE, subject, subject, id),
            )
        return count / (time.monotonic() - began)
