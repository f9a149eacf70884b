"""A dealer's own system, as somebody outside would write it: the standard library, our HTTP interface, and nothing of ours.

    dealer.py plan  JOURNAL COUNT SITE_ID     the orders of the day, each under a key of its own, before any is sent
    dealer.py place JOURNAL CONFIG            sends what is not placed yet, until all is placed; ends 0, or 1 if any was refused

CONFIG is a JSON file with base, client_id and client_secret. It is read whenever a token is needed, so a new secret is put in
place by writing the file. JOURNAL is a SQLite file with what was sent and what came of it: whoever kills this program and
starts it again loses and doubles nothing, since an order is sent again under the same Idempotency-Key until its answer is
written down. The suite's restarts are waited for.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PER_SECOND = float(os.environ.get("DEALER_PER_SECOND", "40"))
ABREAST = 4
PAUSES = (0.1, 0.2, 0.5, 1.0)
TIMEOUT = 20.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    external_id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'planned',  -- planned, sent (no answer yet), placed, refused
    tries INTEGER NOT NULL DEFAULT 0, status INTEGER, order_id TEXT, number TEXT, said TEXT);
"""


@dataclass(frozen=True)
class Answer:
    """``status`` 0: nothing came back."""

    status: int
    body: Any
    retry_after: float = 0.0


class Journal:
    """What was sent and what came of it. Every change is on the disk before the next step. Threads may share one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as connection:
            connection.executescript(f"PRAGMA journal_mode = WAL;{SCHEMA}")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            with connection:
                yield connection

    def plan(self, external_id: str, body: dict[str, Any]) -> None:
        with self._open() as connection:
            connection.execute(
                "INSERT INTO orders (external_id, key, body) VALUES (?, ?, ?)", (external_id, uuid.uuid4().hex, json.dumps(body))
            )

    def open_orders(self) -> list[tuple[str, str, str]]:
        """External id, key and body of what is not answered yet."""
        return self.rows("SELECT external_id, key, body FROM orders WHERE state IN ('planned', 'sent') ORDER BY external_id")

    def sent(self, external_id: str) -> None:
        with self._open() as connection:
            connection.execute("UPDATE orders SET state = 'sent', tries = tries + 1 WHERE external_id = ?", (external_id,))

    def answered(self, external_id: str, answer: Answer) -> None:
        state = "placed" if answer.status == 201 else "refused"
        values = (state, answer.status, answer.body.get("id"), answer.body.get("number"), answer.body.get("code"), external_id)
        with self._open() as connection:
            connection.execute(
                "UPDATE orders SET state = ?, status = ?, order_id = ?, number = ?, said = ? WHERE external_id = ?", values
            )

    def count(self, state: str) -> int:
        return int(self.rows("SELECT count(*) FROM orders WHERE state = ?", state)[0][0])

    def rows(self, statement: str, *values: Any) -> list[Any]:
        with self._open() as connection:
            return connection.execute(statement, values).fetchall()


class Api:
    """Calls with a token of client credentials; a token that is void or over is replaced by the next."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._token = ""

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """One call; asked again, under the same key, for as long as the other side is away, full, or does not know us."""
        for attempt in range(sys.maxsize):
            answer = self._once(method, path, body, key)
            if answer.status == 401:
                self._forget()
            elif answer.status and answer.status < 500 and answer.status != 429:
                return answer
            time.sleep(answer.retry_after or PAUSES[min(attempt, len(PAUSES) - 1)])
        raise AssertionError("never")

    def _once(self, method: str, path: str, body: Any, key: str | None) -> Answer:
        config = json.loads(self._config.read_text())
        token = self._current(config)
        if not token:
            return Answer(0, {})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        return _send(urllib.request.Request(f"{config['base']}/api/v1{path}", data, headers, method=method))

    def _current(self, config: dict[str, str]) -> str:
        with self._lock:
            if not self._token:
                pair = f"{config['client_id']}:{config['client_secret']}".encode()
                headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
                form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
                answer = _send(urllib.request.Request(f"{config['base']}/api/v1/auth/client-token", form, headers))
                self._token = answer.body.get("access_token", "")
            return self._token

    def _forget(self) -> None:
        with self._lock:
            self._token = ""


def _send(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return Answer(answer.status, json.loads(answer.read() or b"{}"))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _json(error.read()), float(error.headers.get("Retry-After") or 0))
    except (OSError, ValueError):  # away, cut off in the middle, half an answer: ask again
        return Answer(0, {})


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return {}


def plan(journal: Journal, count: int, site_id: str) -> None:
    for number in range(count):
        external_id = f"D-{uuid.uuid4().hex[:8]}-{number:05d}"
        body = {"kind": "repair", "channel": "partner", "site_id": site_id, "problem": f"不启动 {number}", "external_id": external_id}
        journal.plan(external_id, body)


def place(journal: Journal, api: Api) -> int:
    """Sends everything open, a few at a time and not faster than agreed. 0 when all was placed."""
    beat, last = threading.Lock(), [0.0]

    def one(order: tuple[str, str, str]) -> None:
        external_id, key, body = order
        with beat:
            time.sleep(max(0.0, last[0] + 1 / PER_SECOND - time.monotonic()))
            last[0] = time.monotonic()
        journal.sent(external_id)
        journal.answered(external_id, api.call("POST", "/work-orders", json.loads(body), key))

    with ThreadPoolExecutor(ABREAST) as pool:
        list(pool.map(one, journal.open_orders()))
    return 1 if journal.count("refused") else 0


def main(command: str, journal: str, *rest: str) -> int:
    if command == "plan":
        plan(Journal(Path(journal)), int(rest[0]), rest[1])
        return 0
    if command == "place":
        return place(Journal(Path(journal)), Api(Path(rest[0])))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
