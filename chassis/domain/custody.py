"""Custody (保管): a document is one site's, the thing it is about may lie at another, or be on the road to one (O-101)."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from chassis.domain.principal import Principal


class Side(StrEnum):
    """Where whoever acts stands: at the site whose document it is, or where the thing is (``Move.by``)."""

    OWNER = "owner"
    HOLDER = "holder"


class Custody(Protocol):
    """``held_path``: where the thing is, None: where the document is; ``bound_path``: where it is going, None: it lies."""

    org_path: str
    held_path: str | None
    bound_path: str | None


def sides(document: Custody, principal: Principal) -> frozenset[Side]:
    """Whoever sees both ends stands on both sides. A thing on the road is in nobody's hands."""
    found = set()
    if document.org_path.startswith(principal.scope):
        found.add(Side.OWNER)
    if document.bound_path is None and (document.held_path or document.org_path).startswith(principal.scope):
        found.add(Side.HOLDER)
    return frozenset(found)
