"""Sealing: nothing opens that was changed or moved, a turned ring opens what was, and marks tell nothing without the ring."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chassis import crypto
from chassis.crypto import KeyMissing, Ring, RingError, Unopenable, key_of, place
from chassis.crypto.source import Source

HERE = place("customers", "name", "018f")


def test_what_was_sealed_opens_in_its_place_only():
    ring = Ring.new()
    sealed = ring.seal("王芳".encode(), HERE)
    assert ring.open(sealed, HERE).decode() == "王芳"
    assert "王芳".encode() not in sealed and ring.seal("王芳".encode(), HERE) != sealed
    for elsewhere in (place("customers", "name", "0190"), place("customers", "phones", "018f"), ""):
        with pytest.raises(Unopenable):
            ring.open(sealed, elsewhere)


def test_no_bit_can_be_changed():
    ring = Ring.new()
    sealed = ring.seal(b"+8613800138000", HERE)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(Unopenable):
            ring.open(bytes(changed), HERE)
    for length in (0, 1, 5, 17, 32, len(sealed) - 1):
        with pytest.raises(Unopenable):
            ring.open(sealed[:length], HERE)


def test_a_key_of_the_same_id_but_another_secret_opens_nothing():
    ring, other = Ring.new(), Ring.new()
    forged = Ring(ring.current, {ring.current: next(iter(other.keys.values()))}, ring.index)
    with pytest.raises(Unopenable):
        forged.open(ring.seal(b"x", HERE), HERE)


def test_turned_retired_forgotten():
    first = Ring.new()
    old = first.seal(b"x", HERE)
    second = first.rotated()
    assert second.open(old, HERE) == b"x" and key_of(second.seal(b"x", HERE)) == second.current != first.current
    assert second.retired(first.current).open(old, HERE) == b"x", "a backup may still need it"
    with pytest.raises(KeyMissing):
        second.without(first.current).open(old, HERE)
    with pytest.raises(ValueError):
        second.without(second.current)


def test_marks_follow_text_context_and_ring_but_not_the_turning():
    ring = Ring.new()
    assert ring.mark("a", "n") == ring.rotated().mark("a", "n")
    assert len({ring.mark("a", "n"), ring.mark("b", "n"), ring.mark("a", "p"), Ring.new().mark("a", "n")}) == 4
    assert all(-(2**63) <= ring.mark(str(n), "n") < 2**63 for n in range(200))


def test_a_ring_survives_as_text_and_shows_no_key():
    ring = Ring.new().rotated()
    assert Ring.parse(ring.text()) == ring
    assert all(key.secret.hex() not in repr(ring) and str(key.secret) not in repr(ring) for key in ring.keys.values())
    for broken in ("", "{}", "[]", ring.text().replace(ring.current, "00000000", 1), ring.text()[:-9]):
        with pytest.raises(RingError) as refused:
            Ring.parse(broken)
        assert "secret" not in str(refused.value)


def test_a_process_follows_the_file(tmp_path: Path):
    path = tmp_path / "ring"
    first = Ring.new()
    path.write_text(first.text())
    source = Source(path)
    assert source.ring(False) == first
    second = first.rotated()
    aside = tmp_path / "aside"
    aside.write_text(second.text())
    os.replace(aside, path)
    assert source.ring(False) == first, "looked a moment ago"
    assert source.ring(True) == second
    path.unlink()
    assert source.ring(True) == second, "what is known goes on working"
    with pytest.raises(RingError, match="cannot be read"):
        Source(path).ring(False)


def test_an_unknown_key_makes_the_process_look_again(tmp_path: Path):
    path = tmp_path / "ring"
    first = Ring.new()
    path.write_text(first.text())
    crypto.use(path)
    try:
        kept = crypto.seal(b"x", HERE)
        second = first.rotated()
        (tmp_path / "aside").write_text(second.text())
        os.replace(tmp_path / "aside", path)
        assert crypto.open(second.seal(b"y", HERE), HERE) == b"y"
        assert crypto.open(kept, HERE) == b"x" and key_of(crypto.seal(b"x", HERE)) == second.current
        with pytest.raises(KeyMissing):
            crypto.open(Ring.new().seal(b"z", HERE), HERE)
    finally:
        crypto.use(None)
