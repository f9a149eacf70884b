"""Declarations: every mistake shows when the module is imported, not when the first event is sent."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from chassis.domain import events


def test_a_declared_class_knows_its_type() -> None:
    @events.event("aftersales.test.thing.declared.v1")
    @dataclass(frozen=True, slots=True)
    class Declared:
        name: str

    assert events.event_type(Declared("x")) == "aftersales.test.thing.declared.v1"
    assert events.declared()["aftersales.test.thing.declared.v1"] is Declared


def test_a_type_is_declared_once() -> None:
    @events.event("aftersales.test.thing.twice.v1")
    @dataclass(frozen=True)
    class First:
        pass

    with pytest.raises(ValueError, match="declared twice"):

        @events.event("aftersales.test.thing.twice.v1")
        @dataclass(frozen=True)
        class Second:
            pass


@pytest.mark.parametrize(
    "type_",
    ["", "work_order.ready.v1", "aftersales.orders.ready.v1", "aftersales.orders.work_order.ready", "aftersales.orders.a.b.v0"],
)
def test_types_follow_the_grammar(type_: str) -> None:
    with pytest.raises(ValueError, match="not an event type"):
        events.event(type_)
    with pytest.raises(ValueError, match="not an event type"):
        events.on(type_)


def test_only_frozen_dataclasses_are_events() -> None:
    class Plain:
        pass

    @dataclass
    class Thawed:
        pass

    for cls in (Plain, Thawed):
        with pytest.raises(TypeError, match="frozen dataclass"):
            events.event("aftersales.test.thing.wrong.v1")(cls)
    with pytest.raises(TypeError, match="not declared"):
        events.event_type(Plain())


def test_handlers_belong_to_the_package_that_declares_them() -> None:
    def handler(uow: object, event: events.Event) -> None: ...

    handler.__module__ = "services.testonly.context.consumers"
    events.on("aftersales.test.thing.happened.v1", "aftersales.test.thing.changed.v1")(handler)
    assert events.handlers("services.testonly", "aftersales.test.thing.happened.v1") == [handler]
    assert events.handlers("services.test", "aftersales.test.thing.happened.v1") == []
    assert events.consumed("services.testonly") == ["aftersales.test.thing.changed.v1", "aftersales.test.thing.happened.v1"]


def test_timers_need_an_interval() -> None:
    with pytest.raises(ValueError, match="positive"):
        events.every(seconds=0)
    with pytest.raises(ValueError, match="at least one"):
        events.on()
