"""Publishing with pipelined confirms: a whole batch is on its way before the first confirm is awaited.

pika's event loop runs in a thread of its own; the relay's thread hands over a batch and waits for its confirms.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pika
from pika.channel import Channel
from pika.delivery_mode import DeliveryMode
from pika.exceptions import AMQPError
from pika.spec import Basic

from chassis.events.envelope import CONTENT_TYPE
from chassis.ops import failpoints


class BrokerAway(Exception):
    """The broker cannot be reached, closed the connection or did not confirm in time."""


class Message(NamedTuple):
    id: str
    type: str
    body: str


@dataclass(slots=True)
class _Batch:
    """``outstanding`` maps delivery tags to indexes. Changed by the loop's thread only, until ``settled``. The next one comes
    when all of it is confirmed, or never."""

    messages: Sequence[Message]
    outstanding: dict[int, int] = field(default_factory=dict)
    confirmed: set[int] = field(default_factory=set)
    settled: threading.Event = field(default_factory=threading.Event)


class Publisher:
    """One connection with one channel in confirm mode. Once not ``usable`` it stays so: close it and make another."""

    def __init__(self, parameters: pika.URLParameters, exchange: str, timeout: float = 20) -> None:
        self.usable = True
        self._exchange, self._timeout = exchange, timeout
        self._channel: Channel | None = None
        self._reason: object = "time-out"
        self._tag = 0
        self._batch = _Batch([])
        self._ready = threading.Event()
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
        )
        self._thread = threading.Thread(target=self._connection.ioloop.start, name="publisher", daemon=True)
        self._thread.start()
        if not self._ready.wait(timeout) or self._channel is None:
            self.close()
            raise BrokerAway(str(self._reason))

    def publish(self, messages: Sequence[Message]) -> set[int]:
        """Sends all; the indexes the broker confirmed: fewer than given when it refused some, went away or is slow."""
        batch = self._batch = _Batch(messages)  # before the look: whoever loses the connection after it settles this batch
        if messages and self.usable:
            self._connection.ioloop.add_callback_threadsafe(lambda: self._send(batch))
            if not batch.settled.wait(self._timeout):
                self.usable = False
        return set(batch.confirmed)

    def close(self) -> None:
        """Closes the connection and waits for its thread, whatever state it is in."""
        self.usable = False
        if self._thread.is_alive():
            self._connection.ioloop.add_callback_threadsafe(self._hang_up)
            self._thread.join(5)

    # ------------------------------------------------------------------ in the loop's thread
    def _opened(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._closed)
        channel.confirm_delivery(self._settle, callback=lambda _frame: self._ready.set())
        self._channel = channel

    def _send(self, batch: _Batch) -> None:
        if self._channel is None or not self._channel.is_open:
            batch.settled.set()
            return
        try:
            for index, message in enumerate(batch.messages):
                properties = pika.BasicProperties(
                    content_type=CONTENT_TYPE,
                    content_encoding="utf-8",
                    delivery_mode=DeliveryMode.Persistent,
                    message_id=message.id,
                    type=message.type,
                )
                # Not mandatory: a type without any queue has no consumer, and that is as good as delivered.
                self._channel.basic_publish(self._exchange, message.type, message.body.encode(), properties)
                self._tag += 1
                batch.outstanding[self._tag] = index
        except AMQPError as error:
            self._closed(None, error)
        if batch.messages:
            failpoints.hit("relay.published", batch.messages[0].type)

    def _settle(self, frame: Any) -> None:
        outstanding, method = self._batch.outstanding, frame.method
        upto = method.delivery_tag
        tags = [tag for tag in outstanding if tag <= upto] if method.multiple else [upto]
        for tag in tags:
            index = outstanding.pop(tag, None)
            if index is not None and isinstance(method, Basic.Ack):
                self._batch.confirmed.add(index)
        if not outstanding:
            self._batch.settled.set()

    def _closed(self, _which: object, reason: object) -> None:
        """The connection or its channel is gone, or never came."""
        self.usable, self._reason = False, reason
        self._batch.settled.set()
        self._ready.set()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection.is_closed:
            self._connection.ioloop.stop()
        elif not self._connection.is_closing:
            self._connection.close()  # ends in _closed
