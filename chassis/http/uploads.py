"""Files in and out: one file of a multipart/form-data body (RFC 7578), and an answer that is a download."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from werkzeug.http import parse_options_header

from chassis.domain.errors import ValidationFailed

MULTIPART = "multipart/form-data"
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{1,70}", re.ASCII)
PARTS, LONGEST_HEAD = 8, 4096


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came. ``name`` and the declared type are the caller's claims."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be sent: never shown by the browser in our name, whatever it holds."""

    name: str
    media_type: str
    size: int
    disposition: str
    content: Iterator[bytes]

    def headers(self) -> tuple[tuple[str, str], ...]:
        return (
            ("content-length", str(self.size)),
            ("content-disposition", self.disposition),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cross-origin-resource-policy", "same-origin"),
        )


def parse(raw: bytes, content_type: str, fields: dict[str, Any]) -> dict[str, Upload]:
    """The files of a body whose contract names ``fields``, each at most once; everything else is an error with its field."""
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != MULTIPART or not _BOUNDARY.fullmatch(boundary):
        raise ValidationFailed.of("boundary", "bad_format")
    found: dict[str, Upload] = {}
    errors: list[dict[str, str]] = []
    for name, filename, content in _parts(raw, boundary):
        if name not in fields:
            errors.append({"field": name[:64], "code": "unknown"})
        elif name in found:
            errors.append({"field": name, "code": "too_many"})
        elif filename is None:
            errors.append({"field": name, "code": "wrong_type"})
        else:
            found[name] = Upload(filename, content)
    errors += [{"field": name, "code": "missing"} for name in fields if name not in found and not errors]
    if errors:
        raise ValidationFailed(errors)
    return found


def identity(files: dict[str, Upload]) -> bytes:
    """What makes two uploads the same request: names and contents. The boundary between parts is another one at every try."""
    told = (f"{field}\0{file.name}\0{hashlib.sha256(file.content).hexdigest()}\0" for field, file in files.items())
    return "".join(told).encode("utf-8", "surrogatepass")


def _parts(raw: bytes, boundary: str) -> Iterator[tuple[str, str | None, bytes]]:
    """Name, file name (None for a plain field) and content of each part. Read strictly, once, from front to back: two readers
    must not find different files in one body."""
    opening = f"--{boundary}".encode()
    between = b"\r\n" + opening
    if not raw.startswith(opening):
        raise ValidationFailed.of("body", "bad_format")
    at = len(opening)
    for _ in range(PARTS):
        if raw[at : at + 2] == b"--" and not raw[at + 2 :].strip():
            return
        head_ends = raw.find(b"\r\n\r\n", at, at + LONGEST_HEAD)
        ends = raw.find(between, head_ends + 4)
        if raw[at : at + 2] != b"\r\n" or head_ends < 0 or ends < 0:
            raise ValidationFailed.of("body", "bad_format")
        name, filename = _named(raw[at + 2 : head_ends])
        yield name, filename, raw[head_ends + 4 : ends]
        at = ends + len(between)
    raise ValidationFailed.of("body", "too_many")


def _named(head: bytes) -> tuple[str, str | None]:
    """Name and file name of a part's Content-Disposition. Encoded parts (Content-Transfer-Encoding) died out and are refused."""
    fields: dict[str, str] = {}
    try:
        for line in head.decode("utf-8").split("\r\n"):
            label, colon, value = line.partition(":")
            if not colon or label.lower() in fields:
                raise ValueError(line)
            fields[label.lower()] = value.strip()
        kind, options = parse_options_header(fields.get("content-disposition", ""))
    except ValueError:
        raise ValidationFailed.of("body", "bad_format") from None
    if kind != "form-data" or "name" not in options or "content-transfer-encoding" in fields:
        raise ValidationFailed.of("body", "bad_format")
    filename = options.get("filename")
    return options["name"], None if filename is None else filename.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
