"""Phone numbers in one form (C-01, worked example Caller)."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from chassis.domain.errors import ValidationFailed
from services.callcenter.customers.customer import name_key
from services.callcenter.customers.phones import normalise, normalise_all


@pytest.mark.parametrize("written", [
    "138-0013-8000", "+86 138 0013 8000", "13800138000", "0086 13800138000", "8613800138000", "１３８００１３８０００",
    "tel:+86-138-0013-8000", " (138) 0013.8000 ", "+86 (0) 138 0013 8000",
])
def test_one_number_however_it_is_written(written: str) -> None:
    assert normalise(written) == "+8613800138000"


@pytest.mark.parametrize(("written", "region", "number"), [
    ("010-6234 5678", "CN", "+861062345678"),
    ("400-820-8820", "CN", "+864008208820"),
    ("+1 650 253 0000", "CN", "+16502530000"),
    ("020 7946 0958", "GB", "+442079460958"),
    ("13800138000 ext 3", "CN", "+8613800138000"),
])
def test_other_numbers_and_regions(written: str, region: str, number: str) -> None:
    assert normalise(written, region) == number


@pytest.mark.parametrize("written", ["", "abc", "123", "12345", "+", "138001380001234", "13800138000; DROP", "电话", "+999 1"])
def test_what_cannot_be_dialled_is_refused(written: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        normalise(written)
    assert refused.value.members["errors"] == [{"field": "phone", "code": "phone_unreadable"}]


def test_all_unreadable_ones_are_named_and_doubles_dropped() -> None:
    assert normalise_all(["13800138000", "+86 138 0013 8000", "010-62345678"]) == ["+8613800138000", "+861062345678"]
    with pytest.raises(ValidationFailed) as refused:
        normalise_all(["x", "13800138000", "y"])
    assert [error["field"] for error in refused.value.members["errors"]] == ["phones.0", "phones.2"]


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_reading_again_changes_nothing(text: str) -> None:
    try:
        number = normalise(text)
    except ValidationFailed:
        return
    assert normalise(number) == number


def test_names_are_searched_without_case_and_width() -> None:
    assert name_key(" ＡＢＣ Müller ") == "abc müller"
