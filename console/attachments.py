"""Files of a document: what its page shows of them, and the body that carries one to the API."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from console.contracts import Files, Resource
from console.gateway import Problem
from console.session import Session

LARGEST = 21_000_000
"""Bytes of a form with a file; the contract's x-max-body. The limit of one file is the API's to say."""
ACCEPT = ".jpg,.jpeg,.png,.gif,.webp,.heic,.pdf,.mp4,.mov,.docx,.xlsx"
KILO = 1024


@dataclass(frozen=True)
class Shown:
    """``items`` is None when the service is away; ``problem`` is why the last change was refused. ``deleted``: None where
    nobody asked for them or may bring them back."""

    items: list[dict[str, Any]] | None
    may_add: bool
    may_remove: bool
    may_restore: bool
    deleted: list[dict[str, Any]] | None
    key: str
    problem: Problem | None = None
    accept: str = ACCEPT


def shown(
    resource: Resource, found: dict[str, Any], session: Session, problem: Problem | None = None, deleted: bool = False
) -> Shown | None:
    """The files of a document, on demand with the deleted ones; None where there can be none, or the user may not read them."""
    files = resource.files
    if files is None or files.list is None or not session.may(files.list.permission):
        return None
    may_add = files.add is not None and session.may(files.add.permission)
    may_remove = files.remove is not None and session.may(files.remove.permission)
    may_restore = files.restore is not None and session.may(files.restore.permission)
    where, items, gone = files.list.url(quote(str(found[resource.key]), safe="")), None, None
    try:
        items = session.call("GET", where)["items"]
        if deleted and may_restore:
            gone = session.call("GET", where, query={"deleted": "true"})["items"]
    except Problem as away:
        if away.status < 500:
            raise
    return Shown(items, may_add, may_remove, may_restore, gone, secrets.token_urlsafe(16), problem)


def path(files: Files, key: str, file: str = "", verb: str = "") -> str:
    """Below the API base: the document's files, one of them, or what is done to it."""
    assert files.list
    base = files.list.url(quote(key, safe=""))
    return "/".join([base, *(quote(part, safe="") for part in (file, verb) if part)])


def form(name: str, content: bytes) -> tuple[bytes, str]:
    """Body and content type of one file in a form (RFC 7578), the name escaped as browsers do."""
    boundary = f"----aftersales{secrets.token_hex(16)}"
    plain = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{plain}"\r\n\r\n'
    body = b"".join((head.encode("utf-8", "replace"), content, f"\r\n--{boundary}--\r\n".encode()))
    return body, f"multipart/form-data; boundary={boundary}"


def size(count: int) -> tuple[str, float]:
    """Unit and amount people read: 1536 -> ("kb", 1.5)."""
    if count < KILO:
        return "bytes", count
    unit, amount = ("kb", count / KILO) if count < KILO * KILO else ("mb", count / KILO / KILO)
    return unit, round(amount, 1)
