"""Login status (登录状态, G-20): who is in, since when, from where, and for how long in all."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, and_, case, cast, func, not_, select, text, true

from chassis.db.folded import contains
from chassis.db.paging import Listing, ListQuery
from chassis.db.uow import UnitOfWork
from gateway.identity import views
from gateway.identity.credential import Credential
from gateway.identity.session import Session
from gateway.identity.user import User
from gateway.tokens import ACCESS_SECONDS

# A session is in use until it is ended, or until the last token it was given is over.
_LIFE = text(f"interval '{ACCESS_SECONDS} seconds'")
_UNTIL: ColumnElement[Any] = func.coalesce(Session.ended_at, func.least(func.now(), Session.used_at + _LIFE))
SECONDS: ColumnElement[Any] = func.greatest(0, func.extract("epoch", _UNTIL - Session.created_at))
"""Length of a session so far."""
# The newest address without a second pass: times of one width sort as text.
_LATEST = func.to_char(Session.used_at, "YYYYMMDDHH24MISSUS").concat(" ").concat(Session.address)
_OPEN = and_(Session.ended_at.is_(None), Session.used_at > func.now() - _LIFE)
_SESSIONS = (
    select(
        func.bool_or(_OPEN).label("online"),
        func.min(case((_OPEN, Session.created_at))).label("since"),
        func.sum(SECONDS).label("seconds"),
        func.max(_LATEST).label("address"),
    )
    .where(Session.user_id == User.id)
    .lateral()  # for the users of the page, not for all who ever signed in
)
_TOTAL = cast(func.floor(func.coalesce(_SESSIONS.c.seconds, 0)), Integer) + Credential.online_before
_LISTING = Listing(
    select(
        User.id.label("user_id"),
        User.username,
        User.name,
        User.org_path,
        func.coalesce(_SESSIONS.c.online, False).label("online"),
        _SESSIONS.c.since,
        func.split_part(_SESSIONS.c.address, " ", 2, type_=Text()).label("address"),
        Credential.last_login_at,
        _TOTAL.label("online_seconds"),
    )
    .join(Credential, Credential.id == User.id)
    .outerjoin(_SESSIONS, true())
    .where(User.deleted_at.is_(None)),
    sorts={"username": User.username_key},
    default_sort="username",
    key=User.id,
)


def status(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """One line per user in scope; total online time is the sum of the session lengths, forgotten ones included."""
    where = contains(User.search_key, query.q)
    if "online" in query.filters:
        inside = User.id.in_(select(Session.user_id).where(_OPEN))
        where.append(inside if query.filters["online"] else not_(inside))
    return _LISTING.page(uow, query, views.presence, *where)


_FORGET = """
WITH gone AS (DELETE FROM sessions WHERE ended_at < :before OR expires_at < :before RETURNING user_id,
    greatest(0, extract(epoch FROM coalesce(ended_at, used_at + make_interval(secs => :life)) - created_at)) AS seconds),
  sums AS (SELECT user_id, floor(sum(seconds))::bigint AS seconds FROM gone GROUP BY user_id)
UPDATE credentials c SET online_before = online_before + sums.seconds FROM sums WHERE c.id = sums.user_id
"""


def forget_sessions(uow: UnitOfWork, before: Any) -> None:
    """Sessions long over; their time is kept."""
    uow.execute(text(_FORGET), {"before": before, "life": ACCESS_SECONDS})
