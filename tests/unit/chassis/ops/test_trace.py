"""W3C trace context."""

from __future__ import annotations

import re

import pytest

from chassis.ops import trace

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_child_keeps_the_trace_and_gets_a_span() -> None:
    child = trace.child_of(PARENT)
    assert child.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert child.span_id != "b7ad6b7169203331"
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", child.traceparent)


@pytest.mark.parametrize(
    "header",
    [None, "", "garbage", PARENT[:-3], PARENT.upper(), PARENT.replace("00-", "ff-", 1), "00-" + "0" * 32 + PARENT[35:]],
)
def test_what_cannot_be_read_starts_a_trace(header: str | None) -> None:
    one, two = trace.child_of(header), trace.child_of(header)
    assert len({one.trace_id, two.trace_id, "0af7651916cd43dd8448eb211c80319c"}) == 3


def test_a_later_version_of_the_header_is_read() -> None:
    assert trace.child_of("01-" + PARENT[3:] + "-more").trace_id == "0af7651916cd43dd8448eb211c80319c"


def test_spans_nest_and_end() -> None:
    assert (trace.trace_id(), trace.current_traceparent()) == (None, None)
    with trace.span(PARENT) as outer:
        assert trace.trace_id() == outer.trace_id
        with trace.span() as inner:
            assert inner.trace_id == outer.trace_id
            assert inner.span_id != outer.span_id
        assert trace.current_traceparent() == outer.traceparent
    assert trace.trace_id() is None
