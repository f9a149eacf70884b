"""How long a request waits for another service's fact, and that it says when it would not (``Prefer: wait=N``)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.domain.errors import DomainError, Kind
from chassis.http.runtime import WAIT_SECONDS, Runtime, patience


class Gate(DomainError):
    code, kind = "bill_open", Kind.CONFLICT


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, WAIT_SECONDS), ("", WAIT_SECONDS), ("wait=0", 0), ("respond-async, wait=1", 1), ('WAIT="2"; x=y', 2), ("wait=999", WAIT_SECONDS),
        ("wait=-1", WAIT_SECONDS), ("wait=1.5", WAIT_SECONDS), ("wait", WAIT_SECONDS), ("await=0", WAIT_SECONDS), ("wait=\u0661", WAIT_SECONDS),
    ],
)  # fmt: skip
def test_the_caller_may_shorten_the_wait(prefer: str | None, seconds: float) -> None:
    assert patience(prefer) == seconds


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_a_gate_is_asked_as_long_as_told_and_never_again(seconds: float) -> None:
    asked = []

    def use_case() -> Any:
        asked.append(1)
        raise Gate().waiting()

    async def story() -> None:
        runtime = Runtime(SimpleNamespace(name="orders"))  # type: ignore[arg-type]
        runtime.in_thread = asyncio.to_thread  # type: ignore[method-assign]
        with pytest.raises(Gate):
            await runtime.patiently(use_case, seconds)
        before = len(asked)
        await asyncio.sleep(0.2)
        assert len(asked) == before and runtime.waiting == 0
        assert (before == 1) is (seconds == 0)

    asyncio.run(story())
