"""Whose address counts behind the console: what the gateway said itself, and nothing that only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from gateway.tokens import Signer, new_key
from gateway.vouching import HEADER, VALID_SECONDS, Vouching

NOW = [1_800_000_000.0]
OURS = Vouching(b"a secret", lambda: NOW[0])


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::1", "127.0.0.1"])
def test_what_was_proven_is_believed(address: str):
    assert OURS.address({"x-forwarded-for": address, HEADER: OURS.proof(address)}) == address


def test_of_its_own_address_and_time_only():
    proof = OURS.proof("203.0.113.9")
    for named in ("203.0.113.8", "127.0.0.1", "203.0.113.9, 203.0.113.8", "", "x"):
        assert OURS.address({"x-forwarded-for": named, HEADER: proof}) is None, named
    assert OURS.address({HEADER: proof}) is None and OURS.address({"x-forwarded-for": "203.0.113.9"}) is None
    for later in (VALID_SECONDS + 2, -VALID_SECONDS - 2):
        other = Vouching(b"a secret", lambda later=later: NOW[0] + later)  # type: ignore[misc]
        assert other.address({"x-forwarded-for": "203.0.113.9", HEADER: proof}) is None
    assert Vouching(b"another", lambda: NOW[0]).address({"x-forwarded-for": "203.0.113.9", HEADER: proof}) is None


@given(st.text(max_size=80), st.sampled_from(["", "1800000000.", "1800000000", "1800000000.00"]))
def test_nothing_else_is_a_proof(text: str, begun: str):
    assert OURS.address({"x-forwarded-for": "203.0.113.9", HEADER: begun + text}) is None


def test_processes_of_one_gateway_agree_and_others_do_not():
    key = new_key()
    one, other, stranger = (Vouching(Signer(pem).derived("x")) for pem in (key, key, new_key()))
    headers = {"x-forwarded-for": "203.0.113.9", HEADER: one.proof("203.0.113.9")}
    assert other.address(headers) == "203.0.113.9" and stranger.address(headers) is None
    assert Signer(key).derived("x") != Signer(key).derived("y")
