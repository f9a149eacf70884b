"""Rules and counters of document numbers (R-01) as documents: which number comes next, and the sequence that begins again."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Text, func, null, select, text

from chassis.db.paging import Listing, ListQuery
from chassis.db.reading import Reading
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound, NumberConflict, StaleVersion

_RESET = text("SELECT reset_number(:kind, :month)")


class Numbers:
    """Those of one service. ``rule`` is its class with ``NumberRuleFields``."""

    def __init__(self, rule: Any) -> None:
        self._kind = rule.kind
        coming = func.next_number(rule.kind, null(), type_=Text()).label("next_number")
        self._asked = select(rule.sequence.label("version"), rule.kind, rule.prefix, rule.digits, rule.reset, coming)
        self._listing = Listing(self._asked, default_sort="kind", key=rule.kind)

    def search(self, uow: Reading, query: ListQuery) -> dict[str, Any]:
        return self._listing.page(uow, query, _view)

    def get(self, uow: Reading, kind: str) -> dict[str, Any]:
        """Unknown kinds are NotFound."""
        found = uow.rows(self._asked.where(self._kind == kind))
        if not found:
            raise NotFound()
        return _view(found[0])

    def reset(self, uow: UnitOfWork, kind: str, month: str | None = None) -> dict[str, Any]:
        """The sequence of a month (``2026-11``, the present one unless told) begins again at 1, by the rule in force. Raises
        NumberConflict when a document has that number, StaleVersion when the rule is another than the caller saw."""
        found = self.get(uow, kind)
        if uow.expected_version is not None and uow.expected_version[1] != found["version"]:
            raise StaleVersion()
        yymm = f"{date.fromisoformat(f'{month}-01'):%y%m}" if month else None
        if not uow.scalar(_RESET, {"kind": kind, "month": yymm}):
            raise NumberConflict()
        return self.get(uow, kind)


def _view(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("version", "kind", "prefix", "digits", "reset", "next_number")}
