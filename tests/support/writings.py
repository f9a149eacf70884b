"""Several writings of one code, and what every coded resource owes them: the second is taken, all find the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F) if code != ord("/")} | {0x20: 0x3000}
Call = Callable[..., httpx.Response]
"""(method, path, body, **query parameters)"""


def of_code(mark: str) -> tuple[str, list[str]]:
    """A code as it shall be kept, and other writings of it; the first is the same with more blanks."""
    code = f"Ab{mark}-1 x"
    return code, [
        f" {code.replace(' ', '  ')}\u3000", code.upper(), code.lower(), code.translate(FULL_WIDTH), code.replace("-", "\u2013"),
        code.replace("-", "\u2212"), code.replace(" ", "\u00a0"), f"{code[:2]}\u200b{code[2:]}",
    ]  # fmt: skip


def of_serial(serial: str) -> list[str]:
    """Other writings of a serial number without dashes and blanks."""
    halves = serial[:3], serial[3:]
    return [
        serial.lower(), serial.translate(FULL_WIDTH), *(sign.join(halves) for sign in ("-", " ", "\u2013", "\u00a0", "\u00ad", "\u200b", "--")),
        f" {serial} ",
    ]  # fmt: skip


def one_code(call: Call, path: str, member: str, body: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """Holds it of the resource at ``path``, whose code is ``member``. The document."""
    code, others = of_code(mark)
    made = call("POST", path, {**body, member: others[0]})
    assert made.status_code == 201, made.text
    document: dict[str, Any] = made.json()
    assert document[member] == code, "as it was typed, without outer and repeated blanks"
    for typed in (code, *others):
        again = call("POST", path, {**body, member: typed})
        assert (again.status_code, again.json()["code"], again.json()["field"]) == (409, "duplicate", member), typed
        found = call("GET", path, **{member: typed}).json()["items"]
        assert [one["id"] for one in found] == [document["id"]], typed
    for different in (code.replace("-", ""), code.replace(" ", "")):
        assert call("GET", path, **{member: different}).json()["items"] == []
    return document
