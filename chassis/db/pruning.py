"""Messages that everybody has had for long are forgotten, oldest first, a bounded number at a time (deploy/decisions/0004); answers
kept for repeated requests after a day.

The application may not remove what it has told or heard. A function that belongs to the owner does, and knows by itself how old
a row must be: who calls it cannot ask for more. What is still to be sent, to be tried again or parked stays for ever.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from chassis.db.roles import app_role
from chassis.db.uow import UnitOfWork

OUTBOX_DAYS, INBOX_DAYS = 30, 60
"""Inboxes remember longer than outboxes: whatever a restored outbox may send again, an inbox still knows."""
MOST = 20_000
EVERY = 3600.0
"""Seconds, and the first time so long after a start: what a restore sends again has arrived by then."""

# Both tables are looked at from their oldest end (event ids begin with their time), and only as far as may be removed at once: an
# hour in which nothing is old enough costs as little as any other.
_FUNCTION = f"""
CREATE OR REPLACE FUNCTION prune_messages(most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    removed bigint; pruned bigint := 0;
BEGIN
    DELETE FROM public.outbox WHERE position IN (
        SELECT o.position FROM (SELECT position, sent_at FROM public.outbox ORDER BY position LIMIT most) o
        WHERE o.sent_at < now() - interval '{OUTBOX_DAYS} days');
    GET DIAGNOSTICS removed = ROW_COUNT;
    pruned := pruned + removed;
    DELETE FROM public.inbox WHERE event_id IN (
        SELECT i.event_id FROM (SELECT event_id, state, handled_at FROM public.inbox ORDER BY event_id LIMIT most) i
        WHERE i.state = 'done' AND i.handled_at < now() - interval '{INBOX_DAYS} days');
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN pruned + removed;
END $$
"""


def pruning(operations: Any) -> None:
    """For a migration: the function, for the application to call."""
    operations.execute(_FUNCTION)
    operations.execute("REVOKE ALL ON FUNCTION prune_messages(integer) FROM PUBLIC")
    if role := app_role(operations.get_bind()):
        operations.execute(f'GRANT EXECUTE ON FUNCTION prune_messages(integer) TO "{role}"')


def prune(uow: UnitOfWork) -> None:
    """Run by a timer of every service."""
    uow.rows(text("SELECT prune_messages(:most)"), {"most": MOST})


def forget_answers(uow: UnitOfWork) -> None:
    """Removes answers under idempotency keys that are older than a day; run by a timer of every service."""
    uow.execute(text("DELETE FROM idempotency WHERE created_at <= now() - interval '24 hours'"))
