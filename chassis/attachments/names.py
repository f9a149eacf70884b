"""Names of files as callers give them, and as they are given back."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from chassis.attachments.kinds import Kind
from chassis.domain.errors import ValidationFailed

LONGEST = 200
"""Characters; with the widest characters still within the 255 bytes most file systems take when cut by a downloader."""
PROGRAMS = frozenset(
    ["ade", "adp", "apk", "app", "asp", "aspx", "bat", "bin", "chm", "cgi", "cmd", "com", "cpl", "dll", "dmg", "docm", "dotm", "exe", "gadget", "hta", "htm", "html", "inf", "ins", "iso", "jar", "js", "jse", "jsp", "lnk", "mht", "msc", "msi", "msp", "mst", "php", "phtml", "pif", "pl", "potm", "ppam", "ppsm", "pptm", "ps1", "psm1", "py", "rb", "reg", "scf", "scr", "sct", "sh", "shtml", "sldm", "svg", "svgz", "swf", "sys", "url", "vb", "vbe", "vbs", "wsc", "wsf", "wsh", "xhtml", "xlam", "xlsm", "xltm", "xml"]
)
"""Extensions that some system runs, or shows as a page. None may stand anywhere in a name: ``bill.exe.pdf``."""
DOMAINS = frozenset({"app", "com", "pl", "py", "sh"})
"""Those that are also ends of addresses, and harmless before the last dot: ``invoice.shop.com.pdf``."""
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
"""Names that are no files on Windows."""
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}
"""Controls, half characters, ends of lines. Other formatting stays: joiners make words of Persian and Hindi, and families of emoji."""
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""What turns the order in which a name is read, and the byte order mark."""
_RESERVED = re.compile(r'[<>:"|?*]')


def checked(given: str, kind: Kind) -> str:
    """The name to keep: without folders, composed (NFC). ValidationFailed where it hides or pretends something."""
    name = unicodedata.normalize("NFC", re.split(r"[\\/]", given)[-1]).strip()
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", name) if unicodedata.category(letter) != "Cf")
    parts = [part.strip().lower() for part in seen.split(".")]
    if not name or len(name) > LONGEST or name.startswith((".", "~")) or name.endswith(".") or _RESERVED.search(name):
        raise ValidationFailed.of("file", "bad_name")
    if any(unicodedata.category(letter) in _CONTROL for letter in name) or _DIRECTION & set(name) or parts[0] in DEVICES:
        raise ValidationFailed.of("file", "bad_name")
    if (PROGRAMS - DOMAINS) & set(parts[1:]) or (parts[-1] in PROGRAMS and len(parts) > 1):
        raise ValidationFailed.of("file", "program_name")
    if len(parts) < 2 or name.rpartition(".")[2].lower() not in kind.extensions:
        raise ValidationFailed.of("file", "wrong_extension")
    return name


def disposition(name: str) -> str:
    """Content-Disposition of a download (RFC 6266): plain letters for old readers, all of them in RFC 5987's form."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", unicodedata.normalize("NFKD", name))
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
