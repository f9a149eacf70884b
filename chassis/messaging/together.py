"""Several events in one transaction: what a commit costs is paid once for all of them, and each one's writes travel with the
next one's first question (decision note 0009).

Only events go together whose handlers keep nobody waiting, since they add rows and keep copies. What locks, changes or numbers
something (``@on(…, locks=True)``) is handled in a transaction of its own, so that it is let go of at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from sqlalchemy import Engine

from chassis.db.violations import is_away
from chassis.events import envelope as envelopes
from chassis.messaging import inbox
from chassis.messaging.registry import subscriptions
from chassis.ops import failpoints, metrics
from chassis.service import Service

MOST = 16
"""Events of one transaction: the first of them waits for the last."""


def may_join(service: Service, type_: str) -> bool:
    """Whether events of the type may share a transaction."""
    return not any(handler.locks for handler in subscriptions(service).handlers(type_))


def receive(service: Service, engine: Engine, given: Sequence[object]) -> bool:
    """Handle delivered envelopes (decoded JSON), those of one aggregate in their order. False: nothing of any was kept, so hand them
    over one by one. Raises DatabaseAway as ``inbox.receive`` does."""
    began = perf_counter()
    try:
        events = [envelopes.parse(inbox.decoded(envelope)) for envelope in given]
        with inbox.unit(service, engine) as uow:
            # Two processes that have some of the same aggregates in hand ask for their rows in the same order.
            for event in sorted(events, key=lambda event: event.subject):
                with inbox.span_of(service, event) as span:
                    uow.traceparent = span.traceparent
                    inbox.handle_once(service, uow, event)
                    uow.clear()
    except Exception as failure:
        if is_away(failure) and not inbox.reachable(engine):
            raise inbox.DatabaseAway(str(failure)) from failure
        return False
    each = (perf_counter() - began) / len(events)
    for event in events:
        metrics.HANDLED.labels(service.name, event.type, inbox.Outcome.DONE).observe(each)
        failpoints.hit("inbox.handled", service.name, event.type)
    return True
