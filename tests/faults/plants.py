"""Bugs planted to be found. They are patched into the processes of a campaign by its launcher and exist nowhere else.

Each is a mistake that a system like this one could have: everything works until something dies at the wrong moment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

PLANTS: dict[str, Callable[[], None]] = {}


def apply(name: str) -> None:
    """Into this process, after what it patches was imported; no name, no bug."""
    if name:
        PLANTS[name]()


def _plant(function: Callable[[], None]) -> Callable[[], None]:
    PLANTS[function.__name__] = function
    return function


def _runtime() -> Any:
    """The worker's runtime where this is a worker: nobody else may import it."""
    return sys.modules.get("chassis.messaging.worker")


@_plant
def acknowledge_before_commit() -> None:
    """The worker acknowledges a message when it arrives."""
    if runtime := _runtime():
        plain = runtime.EventConsumer.handle_message

        def handle_message(self: Any, body: Any, message: Any) -> None:
            message.ack()
            plain(self, body, message)

        def answer(self: Any, message: Any, answer: Any) -> None:
            self.queue_consumer.unacknowledged -= 1

        runtime.EventConsumer.handle_message = handle_message
        runtime.EventConsumer._answer = answer


@_plant
def mark_before_delivery() -> None:
    """The courier marks its rows as sent and delivers them then."""
    from chassis.messaging.outbox import Exclusive

    plain = Exclusive.next

    def next_(self: Any, in_flight: Any, limit: int) -> Any:
        rows = plain(self, in_flight, limit)
        if rows:
            positions = [row.position for row in rows]
            self.sent(positions)
            plain(self, [*in_flight, *positions], 0)
        return rows

    Exclusive.next = next_  # type: ignore[method-assign]


def _one_by_one() -> None:
    """For bugs of how one event is handled: no event goes with others."""
    from chassis.messaging import together

    together.may_join = lambda service, type_: False


@_plant
def inbox_row_before_effects() -> None:
    """The event is noted as handled in one transaction and handled in the next."""
    from chassis.events.envelope import encode
    from chassis.messaging import inbox
    from chassis.ops import failpoints

    again = text("UPDATE inbox SET state = 'retry', next_at = now(), envelope = CAST(:envelope AS jsonb) WHERE event_id = :id")

    def receive(service: Any, engine: Any, event: Any, envelope: Any) -> Any:
        try:
            with inbox.unit(service, engine) as uow:
                uow.first(inbox._RECEIVED, (*inbox._columns(event).values(), uow.now, uow.now))
        except inbox.Known:
            return inbox.Outcome.DUPLICATE
        try:
            with inbox.unit(service, engine) as uow:
                inbox._handle(service, uow, event)
                failpoints.hit("inbox.handling", service.name, event.type)
        except Exception:
            with inbox.unit(service, engine) as uow:
                uow.execute(again, {"id": event.id, "envelope": encode(envelope).decode()})
            return inbox.Outcome.RETRY
        return inbox.Outcome.DONE

    inbox._receive = receive
    _one_by_one()


@_plant
def inbox_row_after_effects() -> None:
    """The event is handled in one transaction and noted as handled in the next."""
    from chassis.messaging import inbox
    from chassis.ops import failpoints

    plain = inbox._receive
    known = text("SELECT 1 FROM inbox WHERE event_id = :id")

    def receive(service: Any, engine: Any, event: Any, envelope: Any) -> Any:
        try:
            with inbox.unit(service, engine) as uow:
                if uow.rows(known, {"id": event.id}):
                    return inbox.Outcome.DUPLICATE
                inbox._handle(service, uow, event)
        except Exception:
            return plain(service, engine, event, envelope)
        failpoints.hit("inbox.handled", service.name, event.type)
        with inbox.unit(service, engine) as uow:
            uow.first(inbox._RECEIVED, (*inbox._columns(event).values(), uow.now, uow.now))
        return inbox.Outcome.DONE

    inbox._receive = receive
    _one_by_one()


@_plant
def publish_before_commit() -> None:
    """Events go out in a transaction of their own, before that of the change."""
    from chassis.db.uow import UnitOfWork
    from chassis.domain.principal import Principal
    from chassis.events import outgoing
    from chassis.ops import failpoints

    plain = UnitOfWork._collect_facts

    def collect(self: Any, instance: Any, events: Any) -> None:
        if events:
            with UnitOfWork(self.engine, Principal.system("announcer")) as other:
                for sequence, event in events:
                    row = outgoing.row(instance, event, sequence, self.actor, self.traceparent, self.now)
                    other.insert_row("outbox", row)
            self.notify(outgoing.CHANNEL)
            if instance.version == 1:  # the instant that this bug makes; a change that is told twice does no harm, a document does
                failpoints.hit("uow.commit", self.engine.url.database, "creating")
        plain(self, instance, ())

    UnitOfWork._collect_facts = collect  # type: ignore[method-assign]


@_plant
def lose_retries() -> None:
    """What failed is not kept for another attempt."""
    from chassis.messaging import inbox

    inbox._FAILED = text("SELECT 1")


@_plant
def unlocked_stock() -> None:
    """Nobody locks the site whose stock is changed."""
    from services.inventory.stock import site

    plain = site.lock_site

    def look(uow: Any, site_id: Any) -> Any:
        return uow.one(site.SiteCopy, site.SiteCopy.id == site_id)

    for module in list(sys.modules.values()):
        if getattr(module, "lock_site", None) is plain:
            module.lock_site = look  # type: ignore[attr-defined]


@_plant
def key_outside_transaction() -> None:
    """The answer of a request is remembered under its key after the request's own transaction."""
    from chassis.db.uow import UnitOfWork
    from chassis.http import resolver

    plain = resolver.Endpoint._run

    def run(self: Any, principal: Any, arguments: Any, key: Any, *rest: Any) -> Any:
        if key is None:
            return plain(self, principal, arguments, None, *rest)
        with UnitOfWork(self.runtime.engine, principal, read_only=True) as uow:
            known = key.recall(uow)
        if known:
            return resolver.Reply(known[0], known[1])
        reply = plain(self, principal, arguments, None, *rest)
        with UnitOfWork(self.runtime.engine, principal) as uow:
            key.remember(uow, reply.status, reply.body)
        return reply

    resolver.Endpoint._run = run  # type: ignore[method-assign]


@_plant
def copies_ignore_order() -> None:
    """A read copy becomes what came last, not what is newest."""
    from chassis.db.rows import Mapping

    guarded = Mapping.copied
    Mapping.copied = lambda self, keys: guarded(self, keys).partition(" WHERE ")[0]  # type: ignore[method-assign]


@_plant
def mark_before_confirm() -> None:
    """The relay marks as sent what it has handed to the connection."""
    from chassis.messaging import publisher

    def publish(self: Any, messages: Any) -> set[int]:
        batch = self._batch = publisher._Batch(messages)
        if messages:
            self._connection.ioloop.add_callback_threadsafe(lambda: self._send(batch))
        return set(range(len(messages)))

    publisher.Publisher.publish = publish  # type: ignore[method-assign]


@_plant
def away_is_done() -> None:
    """A service whose database is away counts as having received the event."""
    from chassis.messaging import inbox, target

    def run(self: Any, work: Any, *arguments: Any) -> Any:
        try:
            return work(self.service, self.engine, *arguments)
        except inbox.DatabaseAway:
            return True

    target.Target.run = run  # type: ignore[method-assign]


@_plant
def failed_commit_is_success() -> None:
    """A commit that the connection did not survive is taken for one that worked."""
    from sqlalchemy.exc import DBAPIError

    from chassis.db.uow import UnitOfWork

    plain = UnitOfWork.commit

    def commit(self: Any) -> None:
        try:
            plain(self)
        except DBAPIError:
            if self.actor.startswith("system:"):
                raise

    UnitOfWork.commit = commit  # type: ignore[method-assign]


@_plant
def drop_undecodable() -> None:
    """What is no event is acknowledged and forgotten, as the library would."""
    if runtime := _runtime():
        runtime.EventQueueConsumer.on_decode_error = lambda self, message, error: message.ack()
