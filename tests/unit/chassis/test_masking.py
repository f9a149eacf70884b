"""Numbers shown in part (C-04): what is told is too little to dial, and enough to recognise."""

import pytest

from chassis.domain.masking import is_masked, mask_phone


@pytest.mark.parametrize(("number", "shown"), [
    ("+8613800138000", "+86138****8000"),
    ("+861062345678", "+8610****5678"),
    ("+85291234567", "+852****4567"),
    ("+4912345", "+49***45"),
    ("not a number", "************"),
])
def test_mask(number: str, shown: str):
    assert mask_phone(number) == shown
    assert is_masked(shown) and not is_masked(number)
    assert len(shown) == len(number)


@pytest.mark.parametrize("number", ["+8613800138000", "+861062345678", "+12125551234", "+390612345678", "+33123456789"])
def test_four_digits_at_least_are_hidden(number: str):
    assert mask_phone(number).count("*") >= 4


def test_wide_stars_are_stars():
    assert is_masked("138＊＊＊＊8000")
