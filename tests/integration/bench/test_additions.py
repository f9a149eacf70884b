"""What one more of what companies differ in takes is counted on the repository as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import additions


@pytest.mark.parametrize(("name", "files", "lines"), [("event", 0, 0), ("verb", 2, 4), ("kind", 8, 40), ("payer", 1, 1), ("account", 1, 1), ("movement", 1, 1)])
def test_it_stays_small(name: str, files: int, lines: int, tmp_path: Path) -> None:
    additions.copy_to(tmp_path)
    found = additions.counted(tmp_path, additions.ADDITIONS[name])
    assert found.files <= files and found.lines <= lines, found


@pytest.mark.long
@pytest.mark.parametrize("name", additions.ADDITIONS)
def test_it_works(name: str) -> None:
    assert additions.main([name]) == 0
