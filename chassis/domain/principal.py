"""Who asks: name, data scope and rights of the caller of a transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from chassis.domain.errors import Forbidden, ScopeMissing

HEADQUARTERS = "/HQ/"
"""Scope of headquarters: below it lies the whole company."""
PARTNER = "partner:"
"""Beginning of the names that partners' systems sign with; no user may have such a name."""


@lru_cache(maxsize=8192)  # a page of documents asks for each right of each; roles are few
def _granted(patterns: frozenset[str], permission: str) -> bool:
    return permission in patterns or any(p.endswith("*") and permission.startswith(p[:-1]) for p in patterns)


@dataclass(frozen=True, slots=True)
class Principal:
    """``scope`` is an org_path prefix ('/' sees all, '' sees nothing); ``patterns`` are permissions, a trailing * matches the rest."""

    username: str
    scope: str
    patterns: frozenset[str] = field(default_factory=frozenset)
    user_id: str = ""
    roles: tuple[str, ...] = ()
    session: str = ""
    language: str = "zh-CN"
    party: str = ""
    """Of an outside account (G-10): the id that the rows of its party carry, a customer's or a dealer's. Staff have none."""
    party_kind: str = ""

    def may(self, permission: str) -> bool:
        return _granted(self.patterns, permission)

    def require(self, permission: str) -> None:
        """Raises ScopeMissing to a partner's system, Forbidden to a person, unless the right is there."""
        if not self.may(permission):
            raise ScopeMissing(permission) if self.is_partner else Forbidden(permission=permission)

    @property
    def is_outside(self) -> bool:
        return self.party != ""

    @property
    def is_partner(self) -> bool:
        return self.username.startswith(PARTNER)

    @classmethod
    def system(cls, name: str) -> Principal:
        """A named system scope (worker, relay, courier, reconcile): sees everything, is journaled as ``system:<name>``."""
        return cls(username=f"system:{name}", scope="/", patterns=frozenset({"*"}))

    @classmethod
    def of(cls, username: str, scope: str, permissions: Iterable[str]) -> Principal:
        return cls(username=username, scope=scope, patterns=frozenset(permissions))
