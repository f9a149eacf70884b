"""The data folder of one suite: its identity, its lock, its secrets and where everything lies in it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.local.files import write_private


class FolderInUse(Exception):
    """Another process holds the folder; the text names it."""


class DataFolder:
    """``--data DIR``. Nothing is written before ``prepare``; secrets are files of mode 600.

    | file | what |
    | --- | --- |
    | ``id`` | eight hexadecimal digits, made once; part of database names on a shared server |
    | ``lock`` | held by the supervisor, or by a command that runs the databases itself |
    | ``suite.json`` | what a running suite says of itself: pid, port, mode, addresses |
    | ``secrets.json`` | passwords of the database roles and other generated secrets |
    | ``signing-key.pem`` | the private key that signs access tokens |
    | ``keyring.json`` | the keys that seal personal data; not part of a backup, so to be kept beside it |
    | ``admin-password`` | the first administrator's password when it was generated |
    | ``replacing`` | is there while `restore` or `init` has not finished: `up` refuses |
    | ``postgres/`` · ``logs/`` | embedded cluster · one log for each process |
    | ``metrics/`` | through which the processes tell their metrics in one place; made anew by ``up`` |
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.postgres = self.path / "postgres"
        self.logs = self.path / "logs"
        self.signing_key = self.path / "signing-key.pem"
        self.keyring = self.path / "keyring.json"
        self.public_keys = self.path / "jwks.json"
        self.admin_password = self.path / "admin-password"
        self.metrics = self.path / "metrics"
        self._state = self.path / "suite.json"
        self._replacing = self.path / "replacing"

    def prepare(self) -> None:
        """Makes the folder and its identity when they are missing."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.logs.mkdir(exist_ok=True, mode=0o700)
        if not (self.path / "id").exists():
            write_private(self.path / "id", secrets.token_hex(4))

    @property
    def exists(self) -> bool:
        return (self.path / "id").exists()

    @property
    def id(self) -> str:
        return (self.path / "id").read_text().strip()

    @contextlib.contextmanager
    def lock(self, wait: float = 0.0) -> Iterator[int]:
        """Holds the folder, or raises ``FolderInUse`` after ``wait`` seconds. Yields the file descriptor: a forked
        child must close it, else the lock would outlive us."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
                        raise FolderInUse(f"{self.path} is in use by {holder}") from None
                    time.sleep(0.05)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()}".encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    @property
    def locked(self) -> bool:
        """Whether a suite or a command holds the folder now."""
        if not (self.path / "lock").exists():
            return False
        try:
            with self.lock():
                return False
        except FolderInUse:
            return True

    def secret(self, name: str) -> str:
        """The secret of this name, made at the first call."""
        kept = self._read_json(self.path / "secrets.json")
        if name not in kept:
            kept[name] = secrets.token_urlsafe(24)
            write_private(self.path / "secrets.json", json.dumps(kept, indent=1))
        return str(kept[name])

    @property
    def state(self) -> dict[str, Any]:
        """What the running (or killed) suite wrote; empty after a clean stop."""
        return self._read_json(self._state)

    def write_state(self, state: dict[str, Any] | None) -> None:
        if state is None:
            self._state.unlink(missing_ok=True)
        else:
            write_private(self._state, json.dumps(state, indent=1))

    @property
    def replaced_half(self) -> bool:
        """Whether a restore was cut off when the databases were new already but the broker's messages still old."""
        return self._replacing.exists()

    @replaced_half.setter
    def replaced_half(self, half: bool) -> None:
        if half:
            write_private(self._replacing, "")
        else:
            self._replacing.unlink(missing_ok=True)

    @staticmethod
    def _read_json(path: Path) -> dict[str, Any]:
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
