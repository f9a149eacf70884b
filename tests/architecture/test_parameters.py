"""Parameters (G-16): what can be seen and set does something."""

from __future__ import annotations

import re

import pytest

from gateway.settings.catalogue import catalogue, definitions
from tests.support.world import ROOT

CODE = [
    path.read_text(encoding="utf-8")
    for folder in ("services", "gateway", "chassis", "console")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
]


@pytest.mark.parametrize("key", definitions())
def test_a_parameter_is_read_or_waits_for_its_function(key: str) -> None:
    """Shown is what some code names; what nothing reads says which function will, and is not shown."""
    is_read = any(f'"{key}"' in text for text in CODE)
    waits = definitions()[key].waits
    assert is_read is (not waits), f"{key}: {'read, so it waits for nothing' if is_read else 'nothing reads it'}"
    assert (key in catalogue()) is is_read
    assert not waits or re.fullmatch(r"[A-Z]-\d+", waits)
