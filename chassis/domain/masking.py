"""What stands in the place of personal data: a number shown in part, a name that was erased."""

from __future__ import annotations

import phonenumbers

ERASED = "已抹除"
"""Stands where the name of an erased person stood."""
STAR = "*"
_HEAD, _TAIL, _HIDDEN = 3, 4, 4


def mask_phone(number: str) -> str:
    """``+8613800138000`` -> ``+86138****8000``: the country code, at most three digits in front and four at the end of the
    national number; four at least are hidden. Of a number of less than eight digits only the last two are shown."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return STAR * len(number)
    code, national = f"+{parsed.country_code}", phonenumbers.national_significant_number(parsed)
    tail = _TAIL if len(national) >= _HIDDEN + _TAIL else 2
    head = max(0, min(_HEAD, len(national) - _HIDDEN - tail))
    return f"{code}{national[:head]}{STAR * (len(national) - head - tail)}{national[-tail:]}"


def is_masked(number: str) -> bool:
    """Whether somebody sends back what was shown to him in part; no number that can be dialled has a star."""
    return STAR in number or "＊" in number
