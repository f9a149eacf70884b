"""Statements that the server keeps: parsed, checked against policies and planned once a connection, which is more than half
of what a short statement costs it (decision note 0009). psycopg2 sends text, so this is text too: PREPARE and EXECUTE.

A plan is the server's to choose: it looks at the values for as long as that pays. What is kept is forgotten after ``LIFE``, so
that what was planned for a small table does not stay with a large one. But it also looks at the scope of the moment, and a plan
that it keeps serves every scope: made for a site that has nothing yet, it would go through all rows of the company for
headquarters. So only what is pinned by its primary key, which is looked up in any scope, and who sees all may use such
plans; others have theirs made for them (``OWN_PLANS``), from a statement that is parsed and checked already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from itertools import count
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy.sql.expression import Executable

from chassis.db.violations import is_outdated

OPTION = "aftersales.kept"
NARROW = "aftersales.narrow"
"""In a connection's ``info`` while a transaction of less than the whole company has asked for nothing that needs ``OWN_PLANS``."""
OWN_PLANS = "SET LOCAL plan_cache_mode = force_custom_plan; "
LIFE = 60.0  # seconds
MOST = 150  # statements of a connection: each holds some ten kilobytes in the server
_VALUE = re.compile(r"%(?:\(\w+\))?s")
E = TypeVar("E", bound=Executable)
Values = Sequence[Any] | Mapping[str, Any]


def kept(statement: E) -> E:
    """The statement, to be kept by the server: for what is put together anew each time, but in few shapes. What is not is a
    ``direct.Fixed``."""
    return statement.execution_options(**{OPTION: True})


def own_plans(info: MutableMapping[Any, Any]) -> str:
    """What goes in front of a kept statement that is not pinned; once for a transaction."""
    return OWN_PLANS if info.pop(NARROW, False) else ""


class Kept:
    """What one connection has prepared. Prepared statements outlive the transaction, also one that is rolled back."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._numbers = count(1)
        self._until = 0.0
        self._unsure = False  # whether a PREPARE was sent of which nothing is known yet

    def call(self, sql: str) -> str:
        """What to send instead of ``sql`` (one statement with psycopg2's placeholders), with the same values."""
        ahead = ""
        if monotonic() > self._until:
            ahead = "DEALLOCATE ALL; "
            self._texts.clear()
            self._until = monotonic() + LIFE
        known = self._texts.get(sql)
        if known is None:
            if len(self._texts) >= MOST:
                return ahead + sql
            name = f"k{next(self._numbers)}"
            places = _VALUE.findall(sql)
            numbers = count(1)
            body = _VALUE.sub(lambda _: f"${next(numbers)}", sql)
            known = self._texts[sql] = f"EXECUTE {name}({', '.join(places)})" if places else f"EXECUTE {name}"
            ahead += f"PREPARE {name} AS {body}; "
        self._unsure = self._unsure or bool(ahead)
        return ahead + known

    def succeeded(self) -> None:
        self._unsure = False

    def failed(self, error: BaseException | None = None) -> None:
        """A call failed: what it was to prepare may not be there, or what it relied on."""
        if self._unsure or is_outdated(error):
            self._until, self._unsure = 0.0, False


def execute(cursor: Any, sql: str, values: Values, ahead: str = "", keep: bool = True) -> None:
    """Runs a statement on a plain cursor; ``ahead`` goes in front of it in the same call."""
    mine = of(cursor.connection)
    try:
        cursor.execute(ahead + (mine.call(sql) if keep else sql), values)
    except BaseException as error:
        mine.failed(error)
        raise
    mine.succeeded()


_of: WeakKeyDictionary[Any, Kept] = WeakKeyDictionary()


def of(driver: Any) -> Kept:
    """What this connection of psycopg2 has prepared."""
    found = _of.get(driver)
    if found is None:
        found = _of[driver] = Kept()
    return found
