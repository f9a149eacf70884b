"""What the image's recipe says of itself."""

from __future__ import annotations

import re

from tests.support.world import ROOT

RECIPE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")


def test_nothing_runs_as_root() -> None:
    """The last stage makes a user with a number of its own, becomes it before it starts anything, and never goes back."""
    last = RECIPE[RECIPE.rindex("\nFROM ") :]
    [user] = re.findall(r"^USER (\S+)$", last, re.MULTILINE)
    made = re.search(rf"useradd --system --uid (\d+) .*\b{user}\b", last)
    assert made and int(made[1]) > 0
    assert last.index(f"USER {user}") < last.index("ENTRYPOINT")
    assert not re.search(r"^(?:RUN|COPY|ADD)", last[last.index(f"USER {user}") :], re.MULTILINE), "nothing is written as that user"


def test_packages_come_with_their_hashes() -> None:
    assert "--require-hashes" in RECIPE
