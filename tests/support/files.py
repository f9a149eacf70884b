"""Small real files of every kind that documents take, and bodies as browsers send them."""

from __future__ import annotations

import base64
import io
import struct
import uuid
import zipfile
import zlib

import openpyxl

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/"
    "wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AKp//2Q=="
)
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
WEBP = base64.b64decode("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAwA0JaQAA3AA/vuUAAA=")
MP4 = struct.pack("!I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp41") + struct.pack("!I4s", 8, b"mdat")
HEIC = struct.pack("!I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic") + struct.pack("!I4s", 8, b"mdat")
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def png(width: int = 1, height: int = 1, padding: int = 0) -> bytes:
    """A picture that decoders take; ``padding`` bytes of a private chunk make it as large as wanted."""
    rows = b"".join(b"\0" + b"\x80\x80\x80" * min(width, 4096) for _ in range(min(height, 64)))
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    filler = (b"prVt", bytes(i * 37 % 251 for i in range(1000)) * (padding // 1000 + 1)) if padding else None
    chunks = [(b"IHDR", head), *([(filler[0], filler[1][:padding])] if filler else []), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data)) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def xlsx() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    book.active["A1"] = "零件"
    book.save(out)
    return out.getvalue()


def archive(*members: str, content: bytes = b"<x/>") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for member in members:
            packed.writestr(member, content)
    return out.getvalue()


def docx(*more: str) -> bytes:
    return archive("[Content_Types].xml", "_rels/.rels", "word/document.xml", *more)


def every_kind() -> dict[str, bytes]:
    return {
        "a.jpg": JPEG, "a.JPEG": JPEG, "b.png": png(), "c.gif": GIF, "d.webp": WEBP, "e.heic": HEIC, "f.pdf": PDF, "g.mp4": MP4,
        "h.docx": docx(), "i.xlsx": xlsx(),
    }  # fmt: skip


def form(name: str, content: bytes, *, field: str = "file", boundary: str = "") -> tuple[bytes, dict[str, str]]:
    """Body and headers of a form with one file, as a browser sends it (line breaks and quotes in names are escaped)."""
    boundary = boundary or f"----form{uuid.uuid4().hex}"
    shown = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{shown}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    body = head.encode("utf-8", "surrogatepass") + content + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
