"""The way back through a list (R-11): the API's cursors only point ahead, so a page's address carries those of the pages before it.
It survives a reload, can be sent to a colleague, and works without scripts."""

from __future__ import annotations

from dataclasses import dataclass

PARAMETER = "back"
BETWEEN = "~"  # no cursor has it, and no address needs it escaped
LONGEST = 3000
"""Characters of an address that the way back may take; beyond it the oldest pages are only reached by the first one's link."""


@dataclass(frozen=True)
class Trail:
    """``cursor``: of the page shown; ``before``: those of the pages between the first and this one, oldest first. An empty one at the
    beginning stands for pages that are no longer remembered."""

    cursor: str = ""
    before: tuple[str, ...] = ()

    @classmethod
    def read(cls, cursor: str, text: str) -> Trail:
        if not cursor or not text:
            return cls(cursor)
        return cls(cursor, ("",) if text == BETWEEN else tuple(text[-LONGEST:].split(BETWEEN)))

    @property
    def previous(self) -> dict[str, str | None] | None:
        """What the address of the page before says; None where there is none or it is not known."""
        if not self.cursor or self.before == ("",):
            return None
        if not self.before:
            return {"cursor": None, PARAMETER: None}
        *before, cursor = self.before
        return {"cursor": cursor, PARAMETER: BETWEEN.join(before) if before != [""] else BETWEEN}

    def next(self, cursor: str) -> dict[str, str | None]:
        """What the address of the page after this one says."""
        before = [*self.before, self.cursor] if self.cursor else []
        while len(text := BETWEEN.join(before)) > LONGEST:
            before = ["", *before[2 if before[0] == "" else 1 :]]
        return {"cursor": cursor, PARAMETER: text}
