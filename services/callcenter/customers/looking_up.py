"""Looking a number up in the whole company (R-06): who is known under it, also where others serve him. Who is shown is written down
(C-04), by a function of the database that sees everybody (revision 0012)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.sealed import opened
from chassis.db.statements import Fixed
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import RateLimited
from services.callcenter.customers.customer import Customer, line_marks
from services.callcenter.customers.phones import normalise
from services.callcenter.parameters import phone_region

AN_HOUR = 120
"""Look-ups that one user has in an hour, in vain or not: who tries numbers one after the other is stopped."""
HOUR = timedelta(hours=1)
SEARCH, NEW = "phone_search", "known_phone"
"""Why somebody was shown, as the log says it: his number was searched, or a new customer has it too."""

_USED = Fixed(text(
    "INSERT INTO customer_lookups AS l (username, since, used) VALUES (:who, :now, 1) ON CONFLICT (username) DO UPDATE SET"
    " since = CASE WHEN l.since > :before THEN l.since ELSE :now END, used = CASE WHEN l.since > :before THEN l.used + 1 ELSE 1 END"
    " RETURNING since, used"
))  # fmt: skip
_FIND = Fixed(text("SELECT id, name, phones, linked FROM find_customer(CAST(:marks AS bigint[]), :who, :purpose, CAST(:most AS integer))"))


class LookUps(Base):
    """How many look-ups a user has had since his hour began."""

    __tablename__ = "customer_lookups"

    username: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    used: Mapped[int]


@dataclass(frozen=True, slots=True)
class Found:
    """Who is known under a number. ``linked``: the caller's unit serves him already, so he sees the whole customer."""

    id: UUID
    name: str
    phone: str | None
    linked: bool


def look_up(uow: UnitOfWork, phone: str) -> list[Found]:
    """Everybody with this whole number, oldest first, 20 at most. Raises ValidationFailed for one that cannot be read, RateLimited."""
    number = normalise(phone, phone_region(uow))
    if wait := _wait(uow):
        raise RateLimited(wait)
    return _find(uow, [number], SEARCH, None)


def known(uow: UnitOfWork, numbers: Sequence[str]) -> list[Found]:
    """Who has one of the numbers, oldest first. Whom others serve is a look-up, and is left out once the caller's hour of them is used up,
    since a new customer is never refused for that; so he is in a rehearsal, which would leave no line in the log."""
    found = _find(uow, numbers, NEW, AN_HOUR) if numbers else []
    return [one for one in found if one.linked] if uow.dry_run else found


def _wait(uow: UnitOfWork) -> int:
    """Counts a look-up; seconds until the next is free where this one is too many."""
    [row] = uow.rows(_USED, {"who": uow.actor, "now": uow.now, "before": uow.now - HOUR})
    return 0 if row.used <= AN_HOUR else max(1, int((row.since + HOUR - uow.now).total_seconds()))


def _find(uow: UnitOfWork, numbers: Sequence[str], purpose: str, most: int | None) -> list[Found]:
    rows = uow.rows(_FIND, {"marks": line_marks(list(numbers)), "who": uow.actor, "purpose": purpose, "most": most})
    found = []
    for row in rows:
        phones = opened(Customer.phones, bytes(row.phones), row.id)
        found.append(Found(row.id, opened(Customer.name, bytes(row.name), row.id), phones[0] if phones else None, row.linked))
    return found
