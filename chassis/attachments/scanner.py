"""The virus scanner somebody may run beside the suite: clamd, asked over its own protocol.

``AFTERSALES_CLAMD`` names it: ``tcp://host:3310`` or ``unix:///run/clamav/clamd.ctl``. Unset: no scanner is asked. Set and not
answering: nothing is kept (``unavailable``), since "not scanned" must not look like "clean"."""

from __future__ import annotations

import logging
import os
import re
import socket
import struct
from urllib.parse import urlsplit

from chassis.attachments.errors import FileInfected
from chassis.domain.errors import Unavailable

log = logging.getLogger("aftersales.attachments")
VARIABLE = "AFTERSALES_CLAMD"
SECONDS = 20.0
PIECE = 131_072
_FOUND = re.compile(r"stream: (.+) FOUND")


def scan(content: bytes, where: str | None = None) -> None:
    """Returns when the scanner calls it clean (or none is set up). FileInfected, or Unavailable."""
    address = os.environ.get(VARIABLE, "") if where is None else where
    if not address:
        return
    try:
        verdict = _ask(address, content)
    except (OSError, ValueError) as error:
        log.error("the virus scanner does not answer: %s", error)
        raise Unavailable() from error
    if verdict == "stream: OK":
        return
    if found := _FOUND.fullmatch(verdict):
        raise FileInfected(found[1])
    log.error("the virus scanner could not judge: %s", verdict[:200])  # its size limit, an error of its own
    raise Unavailable()


def _ask(address: str, content: bytes) -> str:
    """INSTREAM: pieces with their length in front, an empty one ends; the verdict ends with NUL."""
    with _connect(address) as wire:
        wire.sendall(b"zINSTREAM\0")
        for start in range(0, len(content), PIECE):
            piece = content[start : start + PIECE]
            wire.sendall(struct.pack("!I", len(piece)) + piece)
        wire.sendall(struct.pack("!I", 0))
        answer = b""
        while not answer.endswith(b"\0") and len(answer) < 4096 and (part := wire.recv(4096)):
            answer += part
    return answer.rstrip(b"\0").decode("utf-8", "replace").strip()


def _connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    if parts.scheme == "tcp" and parts.hostname:
        return socket.create_connection((parts.hostname, parts.port or 3310), timeout=SECONDS)
    if parts.scheme == "unix" and parts.path:
        wire = socket.socket(socket.AF_UNIX)
        wire.settimeout(SECONDS)
        try:
            wire.connect(parts.path)
        except OSError:
            wire.close()
            raise
        return wire
    raise ValueError(f"{VARIABLE} is neither tcp://host:port nor unix:///path")
