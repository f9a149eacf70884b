"""What a file is, by its bytes. Names and declared types are claims; only what is recognised here is kept.

The list is short on purpose: what people attach to a service document. Nothing on it runs in a browser (no SVG, no HTML), and
no archive that can hold anything (ZIP) is taken, but for the two office formats, which are looked into without unpacking.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from chassis.attachments.archives import contents
from chassis.attachments.errors import FileInfected, FileTypeRefused

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The harmless file every scanner calls a virus. In two parts, so that this file is none."""
HEAD = 1024
_ACTIVE = re.compile(rb"<(?:!doctype|html|script|svg|head|body|iframe|\?php)", re.IGNORECASE)
"""What a program that guesses by content would take for a page."""
_OFFICE = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx"}
_MACROS = re.compile(r"vbaproject|vbadata|activex|\.(?:bin|exe|dll|js|vbs|jar|ps1|bat|cmd|scr)$", re.IGNORECASE)
_BRANDS_HEIC = {b"heic", b"heix", b"heim", b"heis", b"mif1"}
_BRANDS_MP4 = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"qt  ", b"3gp4", b"3gp5"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of file: media type, and the extensions that agree with it."""

    media_type: str
    extensions: tuple[str, ...]


KINDS = {
    "jpeg": Kind("image/jpeg", ("jpg", "jpeg", "jpe", "jfif")),
    "png": Kind("image/png", ("png",)),
    "gif": Kind("image/gif", ("gif",)),
    "webp": Kind("image/webp", ("webp",)),
    "heic": Kind("image/heic", ("heic", "heif")),
    "pdf": Kind("application/pdf", ("pdf",)),
    "mp4": Kind("video/mp4", ("mp4", "m4v", "mov", "3gp")),
    "docx": Kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ("docx",)),
    "xlsx": Kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ("xlsx",)),
}


def _jpeg(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff" and b"\xff\xd9" in data[-65536:]


def _png(data: bytes) -> bool:
    return data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and b"IEND" in data[-65536:]


def _gif(data: bytes) -> bool:
    return data[:6] in (b"GIF87a", b"GIF89a") and len(data) > 13


def _webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP" and data[12:15] == b"VP8"


def _brand(data: bytes) -> bytes:
    return data[8:12] if data[4:8] == b"ftyp" else b""


def _pdf(data: bytes) -> bool:
    return re.match(rb"%PDF-[12]\.\d", data) is not None and b"%%EOF" in data[-65536:]


_SIGNS: dict[str, Callable[[bytes], bool]] = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _gif,
    "webp": _webp,
    "heic": lambda data: _brand(data) in _BRANDS_HEIC,
    "mp4": lambda data: _brand(data) in _BRANDS_MP4,
    "pdf": _pdf,
}


def recognised(data: bytes) -> Kind:
    """The kind of a file. FileInfected for the scanners' test file, FileTypeRefused for what is not on the list, is cut off, or
    is two things at once."""
    if EICAR in data:
        raise FileInfected("EICAR")
    found = next((name for name, sign in _SIGNS.items() if sign(data)), None) or _office(data)
    if found is None or _is_something_else_too(found, data):
        raise FileTypeRefused(allowed=sorted({extension for kind in KINDS.values() for extension in kind.extensions}))
    return KINDS[found]


def _office(data: bytes) -> str | None:
    """docx or xlsx by its table of contents; None for other archives, macros, encryption. Nothing is unpacked."""
    if data[:4] != b"PK\x03\x04":
        return None
    entries = contents(data)
    names = {entry.name for entry in entries}
    unfit = any(entry.encrypted or ".." in entry.name or _MACROS.search(entry.name) for entry in entries)
    if unfit or "[Content_Types].xml" not in names:
        return None
    return next((kind for member, kind in _OFFICE.items() if member in names), None)


def _is_something_else_too(kind: str, data: bytes) -> bool:
    """A polyglot: a picture that is an archive (and so a program to some) or a page as well. What is appended to a picture by
    telephones (a second picture, a short video) stays allowed."""
    if kind in ("docx", "xlsx"):
        return False
    if kind != "pdf" and (b"%PDF-" in data[:HEAD] or _ACTIVE.search(data[:HEAD])):
        return True
    return zipfile.is_zipfile(io.BytesIO(data))
