"""Domain errors: a permanent code and a kind, no HTTP. One table (http/problems.py) turns kinds into statuses."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Self


class Kind(StrEnum):
    MALFORMED = "malformed"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD = "method"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    SLOW = "slow"
    MEDIA = "media"
    UNPROCESSABLE = "unprocessable"
    LOCKED = "locked"
    LIMITED = "limited"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


class DomainError(Exception):
    """Base of all errors a caller may see. Keyword members become members of the problem document."""

    kind: ClassVar[Kind] = Kind.CONFLICT
    code: ClassVar[str]
    challenge: ClassVar[str] = "Bearer"
    """How to prove oneself, told with a 401 (WWW-Authenticate)."""

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.code)
        self.detail = detail
        self.members = members
        self.waits = False

    def waiting(self) -> Self:
        """Mark a gate on another service's fact: the caller's use case is tried again until the fact had time to arrive."""
        self.waits = True
        return self


class MalformedJson(DomainError):
    code, kind = "malformed_json", Kind.MALFORMED


class BadHost(DomainError):
    """A request that names no host, several, or one that cannot be read."""

    code, kind = "bad_host", Kind.MALFORMED


class BadSort(DomainError):
    code, kind = "bad_sort", Kind.MALFORMED


class BadLimit(DomainError):
    code, kind = "bad_limit", Kind.MALFORMED


class BadCursor(DomainError):
    code, kind = "bad_cursor", Kind.MALFORMED


class TooManyToSort(DomainError):
    """More rows than can be put into this order, or looked through for these conditions, in time."""

    code, kind = "too_many_to_sort", Kind.UNPROCESSABLE


class ValidationFailed(DomainError):
    """``errors``: list of {"field", "code"}; fields are dotted paths such as ``lines.0.quantity``."""

    code, kind = "validation_failed", Kind.INVALID

    def __init__(self, errors: list[dict[str, str]], detail: str = "") -> None:
        super().__init__(detail, errors=errors)

    @classmethod
    def of(cls, field: str, code: str) -> ValidationFailed:
        return cls([{"field": field, "code": code}])


class Unauthenticated(DomainError):
    code, kind = "unauthenticated", Kind.UNAUTHENTICATED


class Forbidden(DomainError):
    code, kind = "forbidden", Kind.FORBIDDEN


class ScopeMissing(DomainError):
    """A partner's token lacks the scope that the operation asks for (G-25). ``scope`` names it."""

    code, kind = "scope_missing", Kind.FORBIDDEN

    def __init__(self, scope: str) -> None:
        super().__init__(scope, scope=scope)


class NotFound(DomainError):
    code, kind = "not_found", Kind.NOT_FOUND


class MethodNotAllowed(DomainError):
    code, kind = "method_not_allowed", Kind.METHOD


class BadTransition(DomainError):
    code = "bad_transition"

    def __init__(self, state: str, allowed_actions: list[str], action: str = "") -> None:
        super().__init__(action and f"{action} from {state}", state=state, allowed_actions=allowed_actions)


class HeldElsewhere(DomainError):
    """A move of whoever has the thing, by somebody else; nobody has it while it is on the road (O-101)."""

    code = "held_elsewhere"


class OwnedElsewhere(DomainError):
    """A move of the site whose document it is, by who has the thing for it (O-101)."""

    code = "owned_elsewhere"


class StaleVersion(DomainError):
    code = "stale_version"


class FieldError(DomainError):
    """What is wrong with one member of the request, which the document names."""

    def __init__(self, field: str) -> None:
        super().__init__(field, field=field)


class Duplicate(FieldError):
    code = "duplicate"


class UnknownReference(FieldError):
    code, kind = "unknown_reference", Kind.UNPROCESSABLE


class DuplicateLine(FieldError):
    code, kind = "duplicate_line", Kind.UNPROCESSABLE


class AmountTooLarge(FieldError):
    """Quantity times price, or a sum of lines, above what a document may hold (chassis/domain/money.py)."""

    code, kind = "amount_too_large", Kind.UNPROCESSABLE


class NumberConflict(DomainError):
    """A document has the number that would come next, or another kind of document the prefix (R-01)."""

    code = "number_conflict"


class IdempotencyMismatch(DomainError):
    code, kind = "idempotency_mismatch", Kind.UNPROCESSABLE

    def __init__(self) -> None:
        super().__init__(field="Idempotency-Key")


class AnswerWithheld(DomainError):
    """The request was done before, under the same key; its answer is not for the caller's eyes any more."""

    code = "answer_withheld"


class PayloadTooLarge(DomainError):
    code, kind = "payload_too_large", Kind.TOO_LARGE


class RequestTimeout(DomainError):
    code, kind = "request_timeout", Kind.SLOW


class UnsupportedMediaType(DomainError):
    code, kind = "unsupported_media_type", Kind.MEDIA


class RateLimited(DomainError):
    """``retry_after`` whole seconds, also sent as the Retry-After header."""

    code, kind = "rate_limited", Kind.LIMITED

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after=retry_after)


class Unavailable(DomainError):
    code, kind = "unavailable", Kind.UNAVAILABLE
