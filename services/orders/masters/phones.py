"""Phone numbers as the digits people type: international, national, and national with its trunk zero. What is stored of
them to search by are marks of their beginnings (G-24)."""

from __future__ import annotations

import re

import phonenumbers

from chassis import crypto
from chassis.domain import folding

NOT_DIGIT = re.compile(r"\D+")
FEWEST_DIGITS = 3
"""Beginnings shorter than this are not marked: they find everybody."""


def digit_forms(e164: str) -> set[str]:
    """``+861062345678`` -> {"861062345678", "1062345678", "01062345678"}: a typed prefix of any of them finds it. An extension is
    no part of them."""
    try:
        number = folding.phone(e164).number
    except ValueError:
        number = e164
    forms = {NOT_DIGIT.sub("", number)}
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return forms
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return forms | {phonenumbers.national_significant_number(parsed), NOT_DIGIT.sub("", national)}


def typed_digits(query: str) -> str | None:
    """Digits of a query that can only be (the beginning of) a phone number: ``+86 138-0013`` -> ``861380013``."""
    try:
        digits = NOT_DIGIT.sub("", folding.phone(query).number)
    except ValueError:
        return None
    return digits.removeprefix("00") or None


def phone_marks(phones: list[str]) -> list[int]:
    """Marks of every beginning of every form of the numbers."""
    forms = {form for phone in phones for form in digit_forms(phone)}
    beginnings = {form[:length] for form in forms for length in range(FEWEST_DIGITS, len(form) + 1)}
    return sorted(map(digits_mark, beginnings))


def digits_mark(digits: str) -> int:
    return crypto.mark(digits, "customer.digits")
