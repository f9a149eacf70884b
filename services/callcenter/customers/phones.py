"""Phone numbers in one form (E.164, and ``ext. 12`` behind it where there is an extension), so that every way of writing a number
finds the same customer (C-01)."""

from collections.abc import Sequence

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from chassis.domain import folding
from chassis.domain.errors import ValidationFailed
from chassis.domain.masking import is_masked

DEFAULT_REGION = "CN"
EXTENSION = " ext. "
UNREADABLE = "phone_unreadable"
MASKED = "phone_masked"


def normalise(text: str, region: str = DEFAULT_REGION, field: str = "phone") -> str:
    """``138-0013-8000`` -> ``+8613800138000``, ``010-62345678转12`` -> ``+861062345678 ext. 12``; numbers without country code are
    read as of ``region``.

    Raises ValidationFailed (field code ``phone_unreadable``) for what cannot be dialled, and (``phone_masked``) for what a
    reader was shown in part and sent back. The test is "possible", not "valid": number ranges open faster than the library
    learns them, and a customer must not be refused for that.
    """
    if is_masked(text):
        raise ValidationFailed.of(field, MASKED)
    try:
        typed = folding.phone(text)
        number = phonenumbers.parse(typed.number, region)
    except (NumberParseException, ValueError):
        raise ValidationFailed.of(field, UNREADABLE) from None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise ValidationFailed.of(field, UNREADABLE)
    whole = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return f"{whole}{EXTENSION}{typed.extension}" if typed.extension else whole


def line(number: str) -> str:
    """What is dialled: the number without its extension."""
    return number.partition(EXTENSION)[0]


def normalise_all(texts: Sequence[str], region: str = DEFAULT_REGION, field: str = "phones") -> list[str]:
    """All of a customer's numbers, each once, in the order given; every unreadable one is named at once."""
    numbers: list[str] = []
    errors: list[dict[str, str]] = []
    for index, text in enumerate(texts):
        try:
            numbers.append(normalise(text, region, f"{field}.{index}"))
        except ValidationFailed as error:
            errors += error.members["errors"]
    if errors:
        raise ValidationFailed(errors)
    return list(dict.fromkeys(numbers))
