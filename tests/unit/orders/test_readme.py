"""The state diagram of the README is the transition table."""

from __future__ import annotations

import re
from pathlib import Path

from chassis.domain.machine import Move
from services.orders.app import SERVICE
from services.orders.repairs.kinds.repair import REPAIR

README = Path(SERVICE.folder / "README.md").read_text("utf-8")
STAYING = {"assign", "return_parts", "correct"}  # may start from several states and ends where it started


def pairs(move: Move) -> set[tuple[str, str]]:
    if move.action in STAYING:
        return {(state.value, state.value) for state in move.sources}
    return {(source.value, target.value) for source in move.sources for target in move.targets}


def test_the_diagram_shows_every_move_and_no_other():
    drawn = set(re.findall(r"^    (\w+) --> (\w+): ([\w-]+)$", README, re.M))
    assert drawn == {(*pair, move.action) for move in REPAIR.moves.values() for pair in pairs(move)}
    assert re.findall(r"\[\*\] --> (\w+)$", README, re.M) == [REPAIR.initial]
    assert set(re.findall(r"^    (\w+) --> \[\*\]$", README, re.M)) == set(REPAIR.final)
