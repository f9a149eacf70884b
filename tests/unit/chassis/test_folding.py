"""Which writings are one: codes, serial numbers, words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from chassis.domain import folding

DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2796\ufe58\ufe63\uff0d\u2043"
INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u202a\u2060\u2066\ufe0f\u034f"
BLANKS = " \t\u00a0\u2002\u2009\u202f\u3000"


@pytest.mark.parametrize("typed", [
    "AB-1 X", "ab-1 x", "ＡＢ－１　Ｘ", " AB-1 X ", "AB-1  X", *(f"AB{dash}1 X" for dash in DASHES), *(f"AB-1{blank}X" for blank in BLANKS),
    *(f"A{sign}B-1 X" for sign in INVISIBLE), "AB-1\u00a0 X\u3000",
])  # fmt: skip
def test_writings_of_one_code(typed: str):
    assert folding.code(typed) == "ab-1 x"


@pytest.mark.parametrize("other", ["AB1 X", "AB-1X", "AB--1 X", "AB_1 X", "ÁB-1 X", "AB-I X"])
def test_other_codes(other: str):
    assert folding.code(other) != folding.code("AB-1 X")


@pytest.mark.parametrize("typed", [
    "SN26-001/A", "sn 26 001/a", "ＳＮ２６００１／Ａ", *(f"SN{sign}26001/A" for sign in DASHES + INVISIBLE + BLANKS),
])  # fmt: skip
def test_writings_of_one_serial(typed: str):
    assert folding.identifier(typed) == "sn26001/a"


@pytest.mark.parametrize("other", ["SN26O01/A", "SN26001A", "SN26001/Á"])
def test_other_serials(other: str):
    assert folding.identifier(other) != "sn26001/a"


@pytest.mark.parametrize("typed", ["Café Noir-2", "CAFE NOIR 2", "cafénoir2", "ｃａｆｅ—noir２", "Cafe\u0301\u200bNoir2"])
def test_what_is_searched(typed: str):
    assert folding.words(typed) == "cafenoir2"
    assert folding.words_from_the_end(typed) == "2rionefac"


@pytest.mark.parametrize("typed", ["---", "—", "\u200b", "- -"])
def test_no_code_and_no_serial_is_nothing(typed: str):
    assert folding.code(typed) and folding.identifier(typed)
    assert folding.words(typed) == ""


@pytest.mark.parametrize(("typed", "kept"), [("  ＡＢ–1\u00a0 x ", "ＡＢ–1 x"), ("\u200bA\u200b", "A"), ("A\u200dB", "A\u200dB"), (" ", "")])
def test_what_was_typed_is_kept_but_for_its_blanks(typed: str, kept: str):
    assert folding.tidy(typed) == kept


@pytest.mark.parametrize("fold", [folding.plain, folding.code, folding.identifier, folding.words, folding.bare, folding.tidy])
@given(text=st.text(max_size=20) | st.text(alphabet=DASHES + INVISIBLE + BLANKS + "ÄİßﬁǅK\u0301\u0345\u1160가ガ", max_size=12))
def test_the_key_of_a_key_is_that_key(fold: Callable[[str], str], text: str):
    assert fold(fold(text)) == fold(text)


@given(text=st.text(max_size=20))
def test_what_folds_less_folds_to_the_same(text: str):
    assert folding.code(folding.plain(text)) == folding.code(text)
    assert folding.identifier(folding.code(text)) == folding.identifier(text)
    assert folding.words(folding.identifier(text)) == folding.words(text)
    assert folding.code(folding.tidy(text)) == folding.code(text) or not folding.words(text)
