"""Counterparties as the API shows them."""

from __future__ import annotations

from typing import Any

from chassis.http.views import stamps
from services.finance.counterparties.counterparty import Counterparty


def counterparty(found: Counterparty) -> dict[str, Any]:
    names = ("id", "kind", "code", "name", "term_days", "active")
    return {**{name: getattr(found, name) for name in names}, **stamps(found)}
