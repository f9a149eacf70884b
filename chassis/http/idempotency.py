"""Idempotent writes (R-07): the answer is stored in the transaction of the effects, keyed by principal, method, path and key.
It may hold anybody's data, so it is sealed; of the request only a mark is kept, which tells nothing without the ring.

It is given again to who may still see it: with the scope and the rights it was made under, and while the document it tells of
can be read (``readable_today``). Whoever lost sight of it is told that it was done (``answer_withheld``), and nothing is done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import orjson
from sqlalchemy import text

from chassis import crypto
from chassis.db.statements import Cache, Fixed
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import AnswerWithheld, IdempotencyMismatch, NotFound
from chassis.domain.masking import ERASED
from chassis.domain.principal import Principal

UNCONFIRMED = 202
"""Status of an answer that is kept while another service has to confirm it (confirming.py): never told to anybody."""
# Two requests with one key must not run side by side: the second waits for the first and then finds its answer.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_SAME = "principal = :principal AND request = :request AND key = :key"
_FIND = Fixed(
    text(
        "SELECT body_hash, status, answer, created_at <= now() - interval '24 hours' AS expired"
        f" FROM idempotency WHERE {_SAME}"
    ),
    Cache.PLANNED,
)
_FORGET = text(f"DELETE FROM idempotency WHERE {_SAME}")


@dataclass(frozen=True, slots=True)
class Key:
    """One request's identity. ``request`` is method and path, ``sight`` what the caller may see."""

    principal: str
    request: str
    key: str
    body_hash: bytes
    sight: bytes

    @classmethod
    def of(cls, principal: Principal, method: str, path: str, key: str, body: bytes) -> Key:
        sight = _sight(principal.scope, principal.patterns, principal.party)
        return cls(principal.username, f"{method} {path}", key, crypto.fingerprint(body, "request"), sight)

    def recall(self, uow: UnitOfWork) -> tuple[int, bytes] | None:
        """Status and body of the first answer, if there was one. Another body: IdempotencyMismatch; another sight: AnswerWithheld."""
        uow.first(_LOCK, ("\x1f".join(self._row.values()),))
        found = uow.rows(_FIND, self._row)
        if not found:
            return None
        if found[0].expired:  # the timer has not come by yet
            self._forget(uow)
            return None
        if bytes(found[0].body_hash) != self.body_hash:
            raise IdempotencyMismatch()
        stored = crypto.open(bytes(found[0].answer), self._place)
        if not stored.startswith(self.sight):
            raise AnswerWithheld()
        return found[0].status, stored.removeprefix(self.sight)

    @property
    def _row(self) -> dict[str, str]:
        return {"principal": self.principal, "request": self.request, "key": self.key}

    @property
    def _place(self) -> str:
        return crypto.place("idempotency", "answer", self.principal, self.request, self.key)

    def remember(self, uow: UnitOfWork, status: int, answer: bytes) -> None:
        """Keep the answer with the effects."""
        row = {**self._row, "body_hash": self.body_hash, "status": status, "answer": crypto.seal(self.sight + answer, self._place), "created_at": uow.now}
        uow.insert_row("idempotency", row)

    def confirm(self, uow: UnitOfWork, id: UUID, status: int = 0, answer: bytes | None = None) -> None:
        """What became of the document whose answer was kept as unconfirmed: another answer, or none (it was refused: the same request is a
        new one from now on). Nothing where the key has another answer by now, of whoever asked at the same time."""
        try:
            known = self.recall(uow)
        except IdempotencyMismatch:
            return
        if known is None or known[0] != UNCONFIRMED or orjson.loads(known[1])["id"] != str(id):
            return
        self._forget(uow)
        if answer is not None:
            self.remember(uow, status, answer)

    def _forget(self, uow: UnitOfWork) -> None:
        uow.execute(_FORGET, self._row)


@lru_cache(maxsize=1024)
def _sight(scope: str, patterns: frozenset[str], party: str) -> bytes:
    """A caller's data scope and rights, in as many bytes whatever they are."""
    return hashlib.blake2b("\x1f".join((scope, party, *sorted(patterns))).encode(), digest_size=16).hexdigest().encode()


def readable_today(stored: bytes, same: bool, read: Callable[[], bytes]) -> bytes:
    """The stored answer, if its document can be read today; the document as it reads today where a person in it was erased since
    (``same``: it and the answer have one shape)."""
    try:
        today = read()
    except NotFound:
        raise AnswerWithheld() from None
    if _ERASED not in today or _ERASED in stored:
        return stored
    if not same:
        raise AnswerWithheld()
    return today


_ERASED = ERASED.encode()
