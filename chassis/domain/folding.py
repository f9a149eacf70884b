"""When two writings are one: the only place that says which differences between typed texts count. In goes what was typed, out comes its
key, which is compared and looked up (chassis/db/folded.py); stored and shown is what was typed (``tidy``). ``plain``: sign-in names;
``code``: codes of parts, products, sites; ``identifier``: serial numbers, plates; ``words``: what is searched; ``phone``. All but ``phone``
are idempotent: the key of a key is that key."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

_MORE_DASHES = frozenset("\u02d7\u2043\u2212\u23af\u2500\u2501\u2796")
"""Signs used as dashes that Unicode does not call so: minus, bullets and lines drawn with them."""
_MORE_INVISIBLE = frozenset("\u034f\u115f\u1160\u3164\uffa0\u180b\u180c\u180d\u180f")
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


def is_dash(sign: str) -> bool:
    return unicodedata.category(sign) == "Pd" or sign in _MORE_DASHES


def is_invisible(sign: str) -> bool:
    """Joiners, marks of direction, soft hyphens, fillers: what shows nothing and takes no room."""
    return unicodedata.category(sign) == "Cf" or sign in _MORE_INVISIBLE or any(ord(sign) in some for some in _SELECTORS)


class _Signs(dict[int, str | int | None]):
    """For str.translate: what becomes of dashes and blanks; invisible signs go, all others stay. Filled as they are met."""

    def __init__(self, dash: str, blank: str) -> None:
        super().__init__()
        self._dash, self._blank = dash, blank

    def __missing__(self, sign: int) -> str | int | None:
        met = chr(sign)
        found: str | int | None = sign
        if is_invisible(met):
            found = None
        elif is_dash(met):
            found = self._dash
        elif met.isspace():
            found = self._blank
        self[sign] = found
        return found


_UNIFIED, _DROPPED = _Signs("-", " "), _Signs("", "")


def plain(text: str) -> str:
    """Full-width and other forms of a letter as the common one (NFKC), lower case."""
    if text.isascii():
        return text.lower()
    return _settled(text, lambda given: unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", given).casefold()))


def tidy(text: str) -> str:
    """As it was typed, without outer blanks and with single ones inside; of what is nothing but blanks, nothing is left."""
    return _settled(text, lambda given: " ".join(given.split()).strip("\u200b\u2060\ufeff"))


def code(text: str) -> str:
    """The key of a code: ``ＡＢ–1 `` -> ``ab-1``. As ``plain``; outer and repeated blanks, which dash it is and invisible signs make no
    difference either."""
    return _settled(text, lambda given: " ".join(plain(given).translate(_UNIFIED).split())) or plain(text)


def identifier(text: str) -> str:
    """The key of a serial number or plate, without dashes and blanks at all: ``SN 26–001`` -> ``sn26001``. One of nothing but dashes keeps them."""
    return _settled(text, lambda given: plain(given).translate(_DROPPED)) or code(text)


def words(text: str) -> str:
    """What is searched, without accents too: ``Café Noir-2`` -> ``cafenoir2``. Empty when nothing can be searched for."""
    return _settled(text, lambda given: bare(given).translate(_DROPPED))


def bare(text: str) -> str:
    """``plain`` without accents."""
    if text.isascii():
        return text.lower()
    return _settled(text, lambda given: plain(_without_accents(given)))


def spaced(text: str) -> str:
    """``bare`` with one kind of dash and of blank and without invisible signs, for who takes words apart."""
    return bare(text).translate(_UNIFIED)


def words_from_the_end(text: str) -> str:
    """``words`` backwards: its beginnings are the ends of the text."""
    return words(text)[::-1]


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(sign for sign in apart if not unicodedata.combining(sign)))


def _settled(text: str, fold: Callable[[str], str]) -> str:
    """Folded until nothing changes: what one step takes away may bring together what the next one joins."""
    while (folded := fold(text)) != text:
        text = folded
    return text


# ---------------------------------------------------------------- phones


class Phone(NamedTuple):
    """``number``: digits and the signs that part them, in ASCII; ``extension``: digits, or empty."""

    number: str
    extension: str


_EXTENSION = re.compile(r"(?:ext(?:ensio)?n?|x|#|转接?|轉接?|分机号?|分機號?|内线|內線)[ .:=-]*([0-9]{1,7}) ?$")
_SCHEME = re.compile(r"^ *tel:")
_LONG_MARK = "\u30fc"  # typed for a dash in Japanese
_NUMBER = re.compile(r"[0-9 ()+./-]*")


def phone(text: str) -> Phone:
    """``０１０–6234 转12`` -> ``010-6234`` and ``12``. Raises ValueError for signs that no number has: letters, for one."""
    signs = plain(text).replace(_LONG_MARK, "-").translate(_UNIFIED)
    signs = _SCHEME.sub("", "".join(str(unicodedata.decimal(sign, sign)) for sign in signs))
    found = _EXTENSION.search(signs)
    number = " ".join((signs[: found.start()] if found else signs).split()).rstrip(" ,;-.")
    if not _NUMBER.fullmatch(number):
        raise ValueError("no phone number")
    return Phone(number, found[1] if found else "")
