"""6. Every outbox row is sent or waiting, never both; every sent event was handled once by every subscriber or is parked;
nothing waits longer than the limit."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources, merge

BOTH = "SELECT id::text, type, subject FROM outbox WHERE sent_at IS NOT NULL AND next_at IS NOT NULL"
WAITING = """SELECT id::text, type, extract(epoch FROM clock_timestamp() - created_at)::int, reason FROM outbox
    WHERE sent_at IS NULL AND created_at < clock_timestamp() - make_interval(secs => %s)"""
RETRYING = """SELECT event_id::text, type, extract(epoch FROM clock_timestamp() - received_at)::int, reason FROM inbox
    WHERE state = 'retry' AND received_at < clock_timestamp() - make_interval(secs => %s)"""
SENT = """SELECT o.id::text, o.type, o.subject, coalesce(o.envelope->'data'->>'work_order_id', o.subject) FROM outbox o
    JOIN unnest(%s::text[], %s::timestamptz[]) s (type, since) ON s.type = o.type AND o.created_at >= s.since
    WHERE o.sent_at IS NOT NULL ORDER BY o.id::text"""
SINCE = "SELECT type, since FROM subscriptions WHERE since > '-infinity'"
RECEIVED = "SELECT event_id::text, state FROM inbox WHERE source = %s ORDER BY event_id::text"

NOT_YET = """SELECT subject, coalesce(envelope->'data'->>'work_order_id', subject) FROM outbox WHERE sent_at IS NULL
    UNION SELECT subject, coalesce(envelope->'data'->>'work_order_id', subject) FROM inbox WHERE state = 'retry'"""


def check(sources: Sources) -> Iterator[Offender]:
    for service in sources.connections:
        for id_, type_, _ in sources.rows(service, BOTH):
            yield Offender(6, f"event {id_}", f"{type_} of {service} is sent and waiting at once")
        for id_, owner, handler, type_, _, _ in unhandled(sources, service):
            yield Offender(6, f"event {id_}", f"{type_} of {owner} was sent but {handler} never handled it")
        if sources.live:  # a suite that is down sends nothing; what waits then is judged when it is up again
            for statement, where in ((WAITING, "in the outbox"), (RETRYING, "to be tried again")):
                for id_, type_, age, reason in sources.rows(service, statement, (sources.limit,)):
                    why = f": {reason}" if reason else ""
                    yield Offender(6, f"event {id_}", f"{type_} has waited {age} s {where} of {service}{why}")


def unhandled(sources: Sources, service: str) -> Iterator[tuple[str, str, str, str, str, str]]:
    """(event, sender, handler, type, subject, work order) of events sent that the service's inbox does not know, from when on
    it listens to them (chassis/db/migrate.py)."""
    types = sources.subscribers.types_of(service)
    listening = {str(type_): since for type_, since in sources.rows(service, SINCE)} if types else {}
    since = [listening.get(type_, "-infinity") for type_ in types]
    for owner in sources.connections if types else ():
        received = sources.rows(service, RECEIVED, (f"/{owner}",))
        for id_, sent, there in merge(sources.rows(owner, SENT, (types, since)), received):
            if sent is not None and there is None:
                yield (id_, owner, service, *sent)


def in_flight(sources: Sources) -> set[str]:
    """Ids of aggregates and work orders that an unhandled event speaks of. A parked event explains nothing: it stays so
    until somebody looks at it."""
    ids: set[str] = set()
    for service in sources.connections:
        for row in sources.rows(service, NOT_YET):
            ids.update(row)
        for _, _, _, _, subject, order in unhandled(sources, service):
            ids.update((subject, order))
    return ids
