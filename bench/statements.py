"""Every statement that a suite's own PostgreSQL is sent, from its log: counted by process, and sent again by psycopg2 alone.

Only for an embedded suite: its log is a file of ours. The application writes values into its statements, so the log has them
whole and can be replayed: ids and numbers that were made meanwhile are exchanged for others, the same one everywhere.
"""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import psycopg2
from psycopg2 import sql
from sqlalchemy.engine import make_url

from deploy.local.databases import Database

_LINE = re.compile(r"^\d{4}-\S+ \S+ \S+ \[(\d+)\] (\S*) (.*?) LOG:  statement: (.*)$")
IDLE = (
    "FROM inbox WHERE state = 'retry'",
    "FROM inbox WHERE state = 'parked'",
    "LISTEN ",
    "min(created_at)",
    "set_config('app.scope', '/', false)",
)
"""What is asked again and again without a case; ``SELECT 1`` too."""
_MADE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-fA-F]{20,32}(?=[-'\"\x1f])"
)
_PREPARE = re.compile(r"PREPARE (s\d+) AS (.*?); (?=EXECUTE )", re.DOTALL)
_EXECUTE = re.compile(r"EXECUTE (s\d+)(\(\d+\)|\(ARRAY\[[\d, ]+\]\))?")
_CLAIM = re.compile(r"\(\d+\)/\*claim\*/")
_MARK = re.compile(r"ARRAY\[([\d, ]+)\]\)/\*mark\*/")
_CLAIMED = "/*claimed*/"
_NUMBER = re.compile(r"\b((?:RE|DR|GR|BL|PY)\d{8,})\b")

_BEGUN = "SELECT 'begun'"
_FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SET LOCAL", "PREPARE", "DEALLOCATE")


@dataclass(frozen=True)
class Sent:
    """One round trip: ``text`` may hold several statements. ``session`` is the server's process."""

    session: str
    database: str
    process: str
    text: str
    early: bool = field(default=False, kw_only=True)
    """Before what is counted began: only what it prepared matters."""

    @property
    def statements(self) -> int:
        """How many, without those that only open and end a transaction and set its scope."""
        parts = [part.strip() for part in self.text.split(";")]
        return sum(bool(part) and not part.startswith(_FRAME) for part in parts)


@contextmanager
def logged(server_url: str, log: Path) -> Iterator[list[Sent]]:
    """The list is filled when the block ends. Connections begin anew before it, so that the log has all that they prepare."""
    found: list[Sent] = []
    begin = log.stat().st_size
    with administrator(server_url) as cursor:
        _log(cursor, "all")
        cursor.execute("SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%\\_app'")
        ended = {str(pid) for pid, _ in cursor.fetchall()}
        time.sleep(2.0)
        cursor.execute("SET log_statement = 'all'")
        cursor.execute(_BEGUN)
        try:
            yield found
        finally:
            _log(cursor, "none")
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(begin)
        read = [one for one in _read(file) if one.session not in ended]
    begun = next(index for index, one in enumerate(read) if one.text == _BEGUN)
    found += (replace(one, early=index < begun) for index, one in enumerate(read))


@contextmanager
def administrator(server_url: str) -> Iterator[Any]:
    """A cursor of the server's superuser; each statement is a transaction."""
    url = make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


def _log(cursor: Any, which: str) -> None:
    """What sessions begun from now on log: the server's own setting does not reach ours (``databases.NO_VALUES``)."""
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE '%\\_app'")
    for (role,) in cursor.fetchall():
        cursor.execute(sql.SQL("ALTER ROLE {} SET log_statement = {}").format(sql.Identifier(role), sql.Literal(which)))


def _read(lines: Iterable[str]) -> Iterator[Sent]:
    current: list[str] | None = None
    for line in lines:
        match = _LINE.match(line)
        if match:
            if current:
                yield Sent(*current)
            current = list(match.groups())
        elif current and line.startswith("\t"):
            current[3] += "\n" + line[1:].rstrip("\n")
        elif current:
            yield Sent(*current)
            current = None
    if current:
        yield Sent(*current)


def of_cases(sent: Iterable[Sent], databases: Mapping[str, Database]) -> list[Sent]:
    """In these databases, without what runs by itself."""
    ours = {make_url(database.app_url).database for database in databases.values()}
    return [
        one
        for one in sent
        if one.database in ours and one.text != "SELECT 1" and not any(idle in one.text for idle in IDLE)
    ]


def count(sent: Iterable[Sent]) -> Mapping[str, tuple[int, int]]:
    """Round trips and statements by process."""
    trips, statements = Counter[str](), Counter[str]()
    for one in (one for one in sent if not one.early):
        trips[one.process] += 1
        statements[one.process] += one.statements
    return {name: (trips[name], statements[name]) for name in sorted(trips)}


class Replay:
    """Sends a case's transactions once more, one after the other, on one connection per database."""

    def __init__(self, sent: list[Sent], databases: Mapping[str, Database], since: float) -> None:
        named, self._kept = _named(sent)
        self._sent, self._since = _claiming(_whole(named)), since
        self._open, self._clients = ExitStack(), list[dict[str, Any]]()
        urls = [make_url(database.app_url).set(drivername="postgresql") for database in databases.values()]
        self._urls = {str(url.database): url.render_as_string(hide_password=False) for url in urls}

    def turn(self, times: int, clients: int) -> list[list[list[tuple[str, str]]]]:
        """What each client sends of so many cases: (database, statements) in their order, each case with ids of its own."""
        return [[self._case(uuid.uuid4()) for _ in range(share)] for share in _shares(times, clients)]

    def run(self, shares: list[list[list[tuple[str, str]]]]) -> float:
        """Seconds for a turn. Connections stay: what a backend learns of the catalogue at its first statements is not the floor."""
        while len(self._clients) < len(shares):
            self._clients.append({name: self._connected(name, url) for name, url in self._urls.items()})
        began = time.monotonic()
        with ThreadPoolExecutor(len(shares)) as pool:
            for done in [pool.submit(_send, *one) for one in zip(self._clients, shares, strict=False)]:
                done.result()
        return time.monotonic() - began

    def _connected(self, database: str, url: str) -> Any:
        connection = self._open.enter_context(
            closing(psycopg2.connect(url, options="-c jit=off -c app.scope=/"))
        )
        connection.autocommit = True
        cursor = connection.cursor()
        for body, name in self._kept.get(database, {}).items():
            cursor.execute(f"PREPARE {name} AS {body}")
        return cursor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _case(self, made: uuid.UUID) -> list[tuple[str, str]]:
        return [(one.database, self._renamed(one.text, made)) for one in self._sent]

    def _renamed(self, text: str, made: uuid.UUID) -> str:
        def other(match: re.Match[str]) -> str:
            old = match[0]
            if "-" in old:
                if int(old.replace("-", "")[:12], 16) / 1000 < self._since:
                    return old  # a master that was there before
                mixed = uuid.UUID(old).int ^ (made.int & ((1 << 62) - 1))
                return str(uuid.UUID(int=mixed))
            return f"{int(old, 16) ^ (made.int & ((1 << 76) - 1)):0{len(old)}x}"[: len(old)]

        return _NUMBER.sub(lambda match: f"{match[1]}{made.hex[:10]}", _MADE.sub(other, text))


def _send(cursors: Mapping[str, Any], cases: list[list[tuple[str, str]]]) -> None:
    claimed = "0"
    for database, text in itertools.chain.from_iterable(cases):
        cursors[database].execute(text.replace(_CLAIMED, claimed))
        if _CLAIM.search(text):
            claimed = ",".join(str(row[0]) for row in cursors[database].fetchall()) or "0"


def _named(sent: list[Sent]) -> tuple[list[Sent], dict[str, dict[str, str]]]:
    """What they sent, prepared statements under names that hold on one connection; and by database, which to prepare first:
    their texts, and names."""
    kept: dict[str, dict[str, str]] = {}
    known: dict[tuple[str, str], str] = {}

    def renamed(one: Sent) -> str:
        for match in _PREPARE.finditer(one.text):
            known[one.session, match[1]] = match[2]

        def call(match: re.Match[str]) -> str:
            body, values = known[one.session, match[1]], match[2] or ""
            names = kept.setdefault(one.database, {})
            what = (
                "/*claim*/"
                if "SKIP LOCKED" in body
                else "/*mark*/"
                if body.startswith("UPDATE outbox SET sent_at")
                else ""
            )
            return f"EXECUTE {names.setdefault(body, f'f{len(names)}')}{values}{what}"

        return _EXECUTE.sub(call, _PREPARE.sub("", one.text.replace("DEALLOCATE ALL; ", "")))

    calls = [replace(one, text=renamed(one)) for one in sent]
    return [one for one in calls if not one.early], kept


def _claiming(sent: list[Sent]) -> list[Sent]:
    """Claims of the outbox take as many rows as theirs did, and what is marked is what was claimed: the rows that a case put
    there have other positions each time, and would gather otherwise."""
    found, claim = list(sent), 0
    for index, one in enumerate(sent):
        if _CLAIM.search(one.text):
            claim, found[index] = index, replace(one, text=_CLAIM.sub("(1)/*claim*/", one.text))
        elif marked := _MARK.search(one.text):
            count = marked[1].count(",") + 1
            found[claim] = replace(sent[claim], text=_CLAIM.sub(f"({count})/*claim*/", sent[claim].text))
            found[index] = replace(one, text=_MARK.sub(f"ARRAY[{_CLAIMED}])/*mark*/", one.text))
    return found


def _whole(sent: list[Sent]) -> list[Sent]:
    """Transactions in the order of their ends, each in one piece: sessions took turns, one connection cannot."""
    open_: dict[str, list[Sent]] = {}
    ended: list[Sent] = []
    for one in sent:
        open_.setdefault(one.session, []).append(one)
        last = one.text.rstrip().rpartition(";")[2].strip().upper()
        if last in ("COMMIT", "ROLLBACK") or not _opens(open_[one.session][0].text):
            ended += open_.pop(one.session)
    return ended


def _opens(text: str) -> bool:
    return text.lstrip().upper().startswith("BEGIN")


def _shares(times: int, clients: int) -> list[int]:
    return [times // clients + (index < times % clients) for index in range(clients)]
