"""Declarations: every mistake shows when the module is imported, not when the first event is sent. What an aggregate announces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.domain import events
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from tests.support.announced import NOW, added, loaded


class Thing(Base, Aggregate):
    published = Published(
        "aftersales.test.thing.v1", "name", twice=lambda thing: thing.size * 2, only=lambda thing: thing.name != "secret"
    )
    __tablename__ = "test_things"
    name: Mapped[str]
    size: Mapped[int] = mapped_column()
    hidden: Mapped[str | None]


def thing(**fields: object) -> Thing:
    return Thing(**{"name": "x", "size": 1, "hidden": None, **fields})


def told(aggregate: Aggregate) -> list[tuple[int, str, dict[str, object]]]:
    return [(sequence, found.verb, {**found.state, **found.more}) for sequence, found in aggregate.take_events()]


def test_what_is_new_is_created() -> None:
    assert told(added(thing())) == [(1, "created", {"name": "x", "twice": 2})]


def test_what_differs_is_changed_and_what_is_not_published_is_nobodys_business() -> None:
    changed = loaded(thing())
    changed.hidden = "h"
    assert told(changed) == [] and changed.version == 2
    changed.size = 4
    assert told(changed) == [(2, "changed", {"name": "x", "twice": 8})]
    assert told(changed) == [], "once"
    changed.size = 5
    assert told(changed) == [(3, "changed", {"name": "x", "twice": 10})], "after a flush it has a version of its own"


def test_a_change_undone_is_none() -> None:
    changed = loaded(thing())
    changed.size, changed.size = 9, 1
    assert told(changed) == []


def test_each_move_has_its_version_and_the_state_after_it() -> None:
    moved = loaded(thing())
    moved.name = "a"
    moved.record("first", why="w")
    moved.name = "b"
    moved.record("second")
    moved.size = 7
    assert told(moved) == [(2, "first", {"name": "a", "twice": 2, "why": "w"}), (3, "second", {"name": "b", "twice": 14})]
    assert moved.version == 3


def test_the_first_events_of_something_new_are_counted_too() -> None:
    new = thing()
    new.record("first")
    new.record("second")
    assert [(sequence, verb) for sequence, verb, _ in told(added(new))] == [(1, "first"), (2, "second")] and new.version == 2


def test_what_is_not_to_be_told_is_not() -> None:
    assert told(added(thing(name="secret"))) == []
    secret = loaded(thing(name="secret"))
    secret.size = 3
    secret.record("grew")
    assert told(secret) == []


def test_recording_needs_something_to_publish() -> None:
    @dataclass
    class Quiet(Aggregate):
        pass

    with pytest.raises(TypeError, match="publishes nothing"):
        Quiet().record("x")


def test_a_state_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        Published("aftersales.test.thing.v1")
    assert events.declared()["aftersales.test.thing.v1"] is Thing.published
    assert Thing.published.members == ("name", "twice") and NOW


@pytest.mark.parametrize(
    "type_",
    ["", "work_order.ready.v1", "aftersales.orders.ready.v1", "aftersales.orders.work_order.ready", "aftersales.orders.a.b.v0"],
)
def test_types_follow_the_grammar(type_: str) -> None:
    with pytest.raises(ValueError, match="not an event type"):
        events.on(type_, reads=())
    if type_ != "aftersales.orders.ready.v1":  # which is how a state is called
        with pytest.raises(ValueError, match="not the type of a state"):
            Published(type_)


def handler(*types: str) -> Callable[..., None]:
    def function(uow: object, event: events.Event) -> None: ...

    function.__module__ = "services.testonly.context.consumers"
    return events.on(*types, reads=("name",))(function)


def test_handlers_belong_to_the_package_that_declares_them() -> None:
    function = handler("aftersales.test.thing.happened.v1", "aftersales.test.thing.changed.v1")
    assert [found.function for found in events.handlers("services.testonly")] == [function]
    assert list(events.handlers("services.test")) == []


def test_all_verbs_are_also_those_that_nobody_knows_yet() -> None:
    found = events.Handler(lambda uow, event: None, ("aftersales.test.thing.*.v1",), ("name",), False)
    assert found.takes("aftersales.test.thing.unheard_of.v1")
    assert not found.takes("aftersales.test.thing.unheard_of.v2") and not found.takes("aftersales.test.other.changed.v1")


def test_timers_need_an_interval() -> None:
    with pytest.raises(ValueError, match="positive"):
        events.every(seconds=0)
    with pytest.raises(ValueError, match="at least one"):
        events.on(reads=())
