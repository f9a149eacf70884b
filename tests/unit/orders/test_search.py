"""Search tokens of a problem and what a typed query asks for; phones and numbers in any form."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from services.orders.masters.phones import digit_forms, typed_digits
from services.orders.repairs.search import JOINED, Word, tokens, wanted


def finds(query: str, text: str) -> bool:
    """As the ranges over stored tokens do: all words of one way."""
    stored = tokens(text)
    ways = wanted(query)
    return not ways or any(all(any(is_(word, token) for token in stored) for word in way) for way in ways)


def is_(word: Word, token: str) -> bool:
    return token == word.text if word.whole else token.startswith(word.text)


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("制冷", "冰箱不制冷", True),
        ("制热", "冰箱不制冷", False),
        ("冷", "冰箱不制冷", True),
        ("冰", "冰箱不制冷", True),
        ("不制冷", "冰箱不 制冷", True),
        ("不 制冷", "冰箱不制冷", True),
        ("不制冷", "不漏 水，制冷", False),
        ("noisy", "The fan is NOISY.", True),
        ("noi", "The fan is noisy", True),
        ("oisy", "The fan is noisy", False),
        ("fan noisy", "noisy fan", True),
        ("cafe", "Café machine", True),
        ("ＡＢＣ", "abc12", True),
        ("漏水 E12", "报错e12，底部漏水", True),
        ("won't", "won't start", True),
        ("E12", "error E-12", True),
        ("E–12", "error E12", True),
        ("e 12", "error Ｅ１２", True),
        ("air-con", "aircon is loud", True),
        ("aircon", "air con is loud", True),
        ("aircon", "air\u00ad-con is loud", True),
        ("aircon", "air. Con is loud", False),
        ("air.con", "aircon is loud", False),
        ("loud air con", "aircon is loud", True),
        ("abc", "a-b-c", True),
        ("a-b-c", "a b c", True),
    ],
)
def test_words_are_found_by_prefix(query: str, text: str, found: bool):
    assert finds(query, text) is found


@given(st.text(max_size=60))
def test_every_text_finds_itself(text: str):
    assert finds(text, text)
    assert all(len(token) <= 65 and token.removesuffix(JOINED).strip() == token.removesuffix(JOINED) != "" for token in tokens(text))


@pytest.mark.parametrize(
    "typed", ["13800138000", "138-0013-8000", "+86 138 0013 8000", "0086 138 0013", "138 0013", "8613800",
    "１３８\u20100013\u22128000", "+86\u00a0138\u200b0013", "13800138000 转12"]
)
def test_a_mobile_number_is_found_in_any_form(typed: str):
    digits = typed_digits(typed)
    assert digits and any(form.startswith(digits) for form in digit_forms("+8613800138000"))


@pytest.mark.parametrize("typed", ["010-6234", "(010) 62345678", "+86 10 6234", "1062345678", "010—6234", "010-62345678x12"])
def test_a_landline_is_found_with_and_without_trunk_zero(typed: str):
    digits = typed_digits(typed)
    assert digits and any(form.startswith(digits) for form in digit_forms("+861062345678 ext. 12"))


@pytest.mark.parametrize("typed", ["RE2611", "水泵 138", "abc", "1380013800a", ""])
def test_what_cannot_be_a_phone(typed: str):
    assert typed_digits(typed) is None
