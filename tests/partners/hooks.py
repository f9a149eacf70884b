"""A dealer's end of our webhooks, as somebody outside would write it: the standard library, and nothing of ours.

    hooks.py JOURNAL PORT SECRETS

Takes POSTs at PORT. SECRETS is a file with one `whsec_…` a line, read at every call, so a new secret is put in place by writing
it. JOURNAL is a SQLite file: every delivery by its id, and of every document the newest state told. A call is answered when all
of it is on the disk; one that comes again is answered, not handled again. Whoever kills this program loses nothing by it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOLERANCE = 300
BEFORE_ANSWER = float(os.environ.get("HOOKS_BEFORE_ANSWER", "0"))
"""Seconds between handling and answering: time in which to be killed."""
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY, type TEXT, subject TEXT, sequence INTEGER, digest TEXT, came INTEGER);
CREATE TABLE IF NOT EXISTS handled (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, subject TEXT, sequence INTEGER);
CREATE TABLE IF NOT EXISTS documents (subject TEXT PRIMARY KEY, sequence INTEGER, state TEXT);
CREATE TABLE IF NOT EXISTS refused (why TEXT);
"""


def open_journal(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def genuine(secrets: list[str], headers: Any, body: bytes) -> bool:
    """Signed with one of the secrets, and not long ago."""
    id, at, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not at.isdigit() or abs(time.time() - int(at)) > TOLERANCE:
        return False
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.digest(key, f"{id}.{at}.".encode() + body, hashlib.sha256)).decode()
        if any(hmac.compare_digest(f"v1,{wanted}", one) for one in given.split(" ")):
            return True
    return False


def handle(connection: sqlite3.Connection, id: str, body: bytes) -> None:
    """All or nothing; an id that was handled changes nothing but the count of how often it came."""
    told, digest = json.loads(body), hashlib.sha256(body).hexdigest()
    subject, sequence = told["subject"], told["sequence"]
    connection.execute("BEGIN IMMEDIATE")
    known = connection.execute("SELECT digest FROM deliveries WHERE id = ?", (id,)).fetchone()
    if known:
        connection.execute("UPDATE deliveries SET came = came + 1, digest = ? WHERE id = ?", (known[0] if known[0] == digest else "!", id))
    else:
        connection.execute("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, 1)", (id, told["type"], subject, sequence, digest))
        connection.execute("INSERT INTO handled (id, subject, sequence) VALUES (?, ?, ?)", (id, subject, sequence))
        connection.execute(
            "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (subject) DO UPDATE SET sequence = excluded.sequence, state = excluded.state",
            (subject, sequence, told["data"].get("state")),
        )
    connection.execute("COMMIT")


def serve(journal: Path, port: int, secrets: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with closing(open_journal(journal)) as connection:
                if not genuine(secrets.read_text().split(), self.headers, body):
                    connection.execute("INSERT INTO refused VALUES ('signature')")
                    self._answer(401)
                    return
                handle(connection, self.headers["webhook-id"], body)
            time.sleep(BEFORE_ANSWER)
            self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with closing(open_journal(journal)) as connection:
        connection.executescript(SCHEMA)
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    serve(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
