"""The picture of digits on the sign-in page (G-01): asked for after repeated failures, by name and by address.

A challenge is stateless: its token holds the time and a keyed digest of the answer. It is good once. Guessing is slowed
besides by the gateway's own limit and lock, so the picture only has to cost a machine more than a password does.
"""

from __future__ import annotations

import base64
import hmac
import os
import random
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from console.session import TimedCache

DIGITS, GOOD_FOR = 5, 300.0
PER_NAME, PER_ADDRESS = 3, 10
_SECRET = os.environ.get("AFTERSALES_CONSOLE_SECRET", "").encode() or secrets.token_bytes(32)
_random = random.SystemRandom()
_used = TimedCache(seconds=GOOD_FOR, size=20000)
_failures = TimedCache(seconds=900.0, size=20000)
_lock = threading.Lock()

# Strokes of the digits on a field of 10 by 16.
STROKES = {
    "0": [[(5, 1), (1, 4), (1, 12), (5, 15), (9, 12), (9, 4), (5, 1)]],
    "1": [[(2, 4), (5, 1), (5, 15)], [(2, 15), (8, 15)]],
    "2": [[(1, 4), (4, 1), (8, 2), (9, 5), (1, 15), (9, 15)]],
    "3": [[(1, 2), (8, 1), (9, 5), (4, 8), (9, 10), (8, 15), (1, 14)]],
    "4": [[(7, 15), (7, 1), (1, 10), (9, 10)]],
    "5": [[(9, 1), (2, 1), (1, 7), (7, 7), (9, 11), (6, 15), (1, 14)]],
    "6": [[(8, 1), (3, 5), (1, 11), (4, 15), (8, 14), (9, 10), (5, 8), (1, 11)]],
    "7": [[(1, 1), (9, 1), (4, 15)], [(3, 8), (8, 8)]],
    "8": [[(5, 8), (1, 5), (5, 1), (9, 5), (5, 8), (1, 12), (5, 15), (9, 12), (5, 8)]],
    "9": [[(9, 6), (5, 8), (1, 5), (4, 1), (8, 2), (9, 6), (6, 15)]],
}


@dataclass(frozen=True)
class Challenge:
    """``token`` goes into the form, ``picture`` is a data address of an SVG."""

    token: str
    picture: str


def wanted(name: str, address: str) -> bool:
    """Whether the next attempt needs the picture."""
    by_name, by_address = _keys(name, address)
    return (_failures.get(by_name) or 0) >= PER_NAME or (_failures.get(by_address) or 0) >= PER_ADDRESS


def failed(name: str, address: str) -> None:
    with _lock:
        for key in _keys(name, address):
            _failures.put(key, (_failures.get(key) or 0) + 1)


def succeeded(name: str, address: str) -> None:
    _failures.drop(_keys(name, address)[0])


def challenge() -> Challenge:
    answer = "".join(_random.choice("0123456789") for _ in range(DIGITS))
    picture = base64.b64encode(_svg(answer).encode()).decode()
    return Challenge(_token(answer), f"data:image/svg+xml;base64,{picture}")


def passed(token: str, answer: str) -> bool:
    """Whether an answer fits its challenge; every challenge is good for one try."""
    ends, _, rest = token.partition(".")
    nonce, _, digest = rest.partition(".")
    fresh = ends.isdigit() and time.time() < int(ends)
    with _lock:
        first = _used.get(nonce) is None
        _used.put(nonce, True)
    given = "".join(c for c in answer if not c.isspace())
    return fresh and first and hmac.compare_digest(digest.encode(), _digest(ends, nonce, given).encode())


def _keys(name: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (name.casefold(), address), ("", address)


def _token(answer: str) -> str:
    ends, nonce = str(int(time.time() + GOOD_FOR)), secrets.token_urlsafe(12)
    return f"{ends}.{nonce}.{_digest(ends, nonce, answer)}"


def _digest(ends: str, nonce: str, answer: str) -> str:
    return hmac.new(_SECRET, f"{ends}.{nonce}.{answer}".encode(), "sha256").hexdigest()


def _svg(answer: str) -> str:
    lines = [
        _line(((x - 5) * 1.6, (y - 8) * 1.6) for x, y in _shaken(stroke))
        for stroke in [
            [(5 + _random.uniform(-5, 5), _random.uniform(0, 16)) for _ in range(3)] for _ in range(4)
        ]
    ]
    noise = "".join(
        f'<g stroke-width="1.2" transform="translate({_random.uniform(10, 150):.0f} 22)">{line}</g>' for line in lines
    )
    digits = ""
    for n, digit in enumerate(answer):
        strokes = "".join(
            _line(((x - 5) * 1.6, (y - 8) * 1.6) for x, y in _shaken(s)) for s in STROKES[digit]
        )
        place = f"translate({18 + n * 31 + _random.uniform(-4, 4):.1f} {22 + _random.uniform(-4, 4):.1f})"
        digits += f'<g transform="{place} rotate({_random.uniform(-22, 22):.0f})">{strokes}</g>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="44" viewBox="0 0 160 44" fill="none"'
        ' stroke="#5b7f80" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round">'
        f'<rect width="160" height="44" rx="6" fill="#dfeceb" stroke="none"/>{noise}{digits}</svg>'
    )


def _shaken(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x + _random.uniform(-0.7, 0.7), y + _random.uniform(-0.7, 0.7)) for x, y in points]


def _line(points: Iterable[tuple[float, float]]) -> str:
    shown = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{shown}"/>'
