"""Answers that another service has to confirm (RFC 7240's ``wait``): the use case commits a state that its event will end, and the
request waits for that end with neither thread nor connection held. It survives a crash: what was committed goes on by itself,
and the same request under the same idempotency key waits for the same end.

``@confirmed_by(outcome)`` on an HTTP function that returns ``Unconfirmed(document)``::

    outcome(uow, id, caller)   the answer, once there is one; None while the event has not come; a DomainError is the refusal
    lapse(uow, id, caller)     when time is over, once: gives it up or lets it go on; the refusal, or the answer instead of ``document``
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from chassis.db.uow import UnitOfWork

F = TypeVar("F", bound=Callable[..., Any])
Outcome = Callable[[UnitOfWork, UUID, Any], Any]
Lapse = Callable[[UnitOfWork, UUID, Any], Any]


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """What was committed by now, with its ``id``: the answer when no confirmation comes in time. ``document`` is JSON as the operation's
    contract has it; documents have no other type."""

    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Confirmation:
    outcome: Outcome
    lapse: Lapse | None = None


def confirmed_by(outcome: Outcome, lapse: Lapse | None = None) -> Callable[[F], F]:
    def mark(function: F) -> F:
        function.__dict__["confirmation"] = Confirmation(outcome, lapse)
        return function

    return mark


def confirmation_of(function: Callable[..., Any]) -> Confirmation | None:
    found: Confirmation | None = function.__dict__.get("confirmation")
    return found
