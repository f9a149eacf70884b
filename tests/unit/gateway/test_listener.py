"""What is heard is handed on at once, also what comes while a subscriber is busy with the connection."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.listener import Listener


class Connection:
    def __init__(self, *payloads: str) -> None:
        self.notifies = [SimpleNamespace(channel="c", payload=payload) for payload in payloads]


class Busy:
    """Each word that is heard lets the next one arrive, as an acknowledgement's answer brings what came meanwhile."""

    channel = "c"

    def __init__(self, connection: Connection, coming: list[str]) -> None:
        self.connection, self.coming, self.got = connection, coming, []  # type: ignore[var-annotated]

    def connected(self, cursor: Any) -> None:
        pass

    def heard(self, news: Sequence[str], cursor: Any) -> None:
        self.got += news
        if self.coming:
            self.connection.notifies.append(SimpleNamespace(channel="c", payload=self.coming.pop(0)))


@pytest.mark.parametrize("coming", [[], ["second"], ["second", "third", "fourth"]])
def test_nothing_stays_behind(coming: list[str]) -> None:
    connection = Connection("first")
    subscriber, expected = Busy(connection, coming), ["first", *coming]
    Listener("", (subscriber,))._hand_on(connection, None)
    assert subscriber.got == expected
    assert connection.notifies == []
