"""The table of contents of a ZIP, read as far as an office file may be long. The standard library reads it to its end first, and
keeps an object for each of the entries that a stranger was pleased to write."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MOST_MEMBERS = 4000
"""Entries of an office file; a long text with pictures has some hundreds."""
MOST_DIRECTORY = 1_048_576
"""Bytes of its table of contents."""
_ENTRY, _END = struct.Struct("<4s4xH18xHHH12x"), struct.Struct("<4s4xHHIIH")
_LOCATOR, _LONG_END = struct.Struct("<4s4xQ4x"), struct.Struct("<4s20xQQQQ")
_COMMENT = 65_535
_ENCRYPTED, _UTF8 = 0x1, 0x800


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    encrypted: bool


def contents(data: bytes) -> list[Entry]:
    """Names in the table, in its order. None of an archive that is broken, longer than ours may be, or says another number or
    length than it has."""
    try:
        count, size, start, end = _where(data)
        if not 0 < count <= MOST_MEMBERS or size > MOST_DIRECTORY or start + size != end:
            return []
        return _entries(data[start:end], count)
    except (struct.error, ValueError):
        return []


def _where(data: bytes) -> tuple[int, int, int, int]:
    """Number of entries, length and place of the table, and where it ends; in the long form (zip64) where there is that too."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - _COMMENT - _END.size))
    if at < 0:
        raise ValueError("no end")
    _, here, count, size, start, comment = _END.unpack_from(data, at)
    if here != count or at + _END.size + comment != len(data):
        raise ValueError("two readers would find two archives")
    if at < _LOCATOR.size or not data.startswith(b"PK\x06\x07", at - _LOCATOR.size):
        return count, size, start, at
    _, long = _LOCATOR.unpack_from(data, at - _LOCATOR.size)
    if long + _LONG_END.size + _LOCATOR.size != at:
        raise ValueError("not in front of its locator")
    sign, here, count, size, start = _LONG_END.unpack_from(data, long)
    if sign != b"PK\x06\x06" or here != count:
        raise ValueError("no long end")
    return count, size, start, long


def _entries(table: bytes, count: int) -> list[Entry]:
    found, at = [], 0
    for _ in range(count):
        sign, flags, name, extra, comment = _ENTRY.unpack_from(table, at)
        at += _ENTRY.size
        if sign != b"PK\x01\x02":
            raise ValueError("no entry")
        found.append(Entry(table[at : at + name].decode("utf-8" if flags & _UTF8 else "cp437"), bool(flags & _ENCRYPTED)))
        at += name + extra + comment
    if at != len(table):
        raise ValueError("more than it says")
    return found
