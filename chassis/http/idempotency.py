"""Idempotent writes (R-07): the answer is stored in the transaction of the effects, keyed by principal, method, path and key.
It may hold anybody's data, so it is sealed; of the request only a mark is kept, which tells nothing without the ring."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from chassis import crypto
from chassis.db.direct import Fixed
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import IdempotencyMismatch

# Two requests with one key must not run side by side: the second waits for the first and then finds its answer.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_SAME = "principal = :principal AND request = :request AND key = :key"
_FIND = Fixed(
    text(
        "SELECT body_hash, status, answer, created_at <= now() - interval '24 hours' AS expired"
        f" FROM idempotency WHERE {_SAME}"
    ),
    pinned=True,
)
_FORGET = text(f"DELETE FROM idempotency WHERE {_SAME}")


@dataclass(frozen=True, slots=True)
class Key:
    """One request's identity. ``request`` is method and path."""

    principal: str
    request: str
    key: str
    body_hash: bytes

    @classmethod
    def of(cls, principal: str, method: str, path: str, key: str, body: bytes) -> Key:
        return cls(principal, f"{method} {path}", key, crypto.fingerprint(body, "request"))

    def recall(self, uow: UnitOfWork) -> tuple[int, bytes] | None:
        """Status and body of the first answer, if there was one. Another body: IdempotencyMismatch."""
        where = {"principal": self.principal, "request": self.request, "key": self.key}
        uow.first(_LOCK, ("\x1f".join(where.values()),))
        found = uow.rows(_FIND, where)
        if not found:
            return None
        if found[0].expired:  # the timer has not come by yet
            uow.execute(_FORGET, where)
            return None
        if bytes(found[0].body_hash) != self.body_hash:
            raise IdempotencyMismatch()
        return found[0].status, crypto.open(bytes(found[0].answer), self._place)

    @property
    def _place(self) -> str:
        return crypto.place("idempotency", "answer", self.principal, self.request, self.key)

    def remember(self, uow: UnitOfWork, status: int, answer: bytes) -> None:
        """Keep the answer with the effects."""
        row = {
            "principal": self.principal,
            "request": self.request,
            "key": self.key,
            "body_hash": self.body_hash,
            "status": status,
            "answer": crypto.seal(answer, self._place),
            "created_at": uow.now,
        }
        uow.insert_row("idempotency", row)


def forget_expired(uow: UnitOfWork) -> None:
    """Remove answers older than a day; run by a timer of every service."""
    uow.execute(text("DELETE FROM idempotency WHERE created_at <= now() - interval '24 hours'"))
