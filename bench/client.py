"""A client that costs next to nothing, for benchmarks whose clients share the machine with what they measure: one kept
connection, a request's bytes made once, of the answer only status and length looked at."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
PIECE = 1 << 18  # bytes read at once


class Reader:
    """Reads below ``/api/v1`` of one server as the owner of a token."""

    def __init__(self, base: str, token: str) -> None:
        parts = urlsplit(base)
        self._host = f"{parts.hostname}:{parts.port}"
        self._token = token
        self._address = (str(parts.hostname), int(parts.port or 80))
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> bytes:
        """The body of a 200. Raises RuntimeError for any other answer."""
        self._socket.sendall(
            f"GET /api/v1{path} HTTP/1.1\r\nHost: {self._host}\r\nAccept: application/json\r\nAccept-Language: en\r\n"
            f"Authorization: Bearer {self._token}\r\n\r\n".encode()
        )
        answer = self._more()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = answer[:end]
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            raise RuntimeError(f"GET {path}: {head.decode(errors='replace')}")
        pieces, missing = [answer[end + 4 :]], int(length[1]) - (len(answer) - end - 4)
        while missing > 0:
            pieces.append(self._more())
            missing -= len(pieces[-1])
        if _CLOSE.search(head):
            self.close()
            self._connect()
        return b"".join(pieces)

    def _more(self) -> bytes:
        piece = self._socket.recv(PIECE)
        if not piece:
            raise ConnectionError("closed by the server")
        return piece

    def close(self) -> None:
        self._socket.close()
