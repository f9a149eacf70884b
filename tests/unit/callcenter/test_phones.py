"""Phone numbers in one form (C-01, worked example Caller)."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from chassis.domain.errors import ValidationFailed
from chassis.domain.masking import mask_phone
from services.callcenter.customers.customer import name_key, phone_marks
from services.callcenter.customers.phones import line, normalise, normalise_all


@pytest.mark.parametrize("written", [
    "138-0013-8000", "+86 138 0013 8000", "13800138000", "0086 13800138000", "8613800138000", "１３８００１３８０００",
    "tel:+86-138-0013-8000", " (138) 0013.8000 ", "+86 (0) 138 0013 8000",
    *(f"138{dash}0013{dash}8000" for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d\u00ad"), "\u202a+86\u00a0138\u30000013 8000\u202c",
    "138\u200b0013\u20608000", "＋８６　１３８－００１３－８０００",
])
def test_one_number_however_it_is_written(written: str) -> None:
    assert normalise(written) == "+8613800138000"


@pytest.mark.parametrize(("written", "region", "number"), [
    ("010-6234 5678", "CN", "+861062345678"),
    ("400-820-8820", "CN", "+864008208820"),
    ("+1 650 253 0000", "CN", "+16502530000"),
    ("020 7946 0958", "GB", "+442079460958"),
    ("13800138000 ext 3", "CN", "+8613800138000 ext. 3"),
])
def test_other_numbers_and_regions(written: str, region: str, number: str) -> None:
    assert normalise(written, region) == number


@pytest.mark.parametrize("written", ["", "abc", "123", "12345", "+", "138001380001234", "13800138000; DROP", "电话", "+999 1", "1380013800a", "138oo138000", "1380013八000", "ext. 12", "电话13800138000"])
def test_what_cannot_be_dialled_is_refused(written: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        normalise(written)
    assert refused.value.members["errors"] == [{"field": "phone", "code": "phone_unreadable"}]


@pytest.mark.parametrize("written", ["{} ext. 12", "{}ext12", "{} Extension: 12", "{}转12", "{}转接12", "{} x12", "{}#12", "{}分机12", "{} 分机号：１２", "{}內線12"])
def test_an_extension_is_kept_and_is_the_same_line(written: str) -> None:
    number = normalise(written.format("010-62345678"))
    assert number == "+861062345678 ext. 12"
    assert line(number) == "+861062345678" and phone_marks([number]) == phone_marks(["+861062345678"])
    assert mask_phone(number) == mask_phone("+861062345678")


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


def test_names_are_searched_without_case_width_accents_blanks_and_dashes() -> None:
    assert name_key(" ＡＢＣ Müller-Meier ") == "abcmullermeier"
