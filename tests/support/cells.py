"""A catalogue's test: one test over all of its cells that names every one that fails.

``@over("operation", OPERATIONS, named)`` stands where ``pytest.mark.parametrize`` would make thousands of tests, whose collecting, setting up
and reporting cost more than what they ask. The function under it stays what it would be for one cell and asserts; its other
arguments are fixtures, made once and shared by the cells. What needs a fresh fixture for each cell stays parametrized.
"""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Check = Callable[..., None]
SHOWN = 20
"""Failures that are told with their reason; of more the names are enough."""


def over(names: str, cells: Iterable[Any], name: Callable[[Any], object] = str) -> Callable[[Check], Check]:
    """``names``: the argument, or several with commas; then each cell is a tuple of them. ``name`` tells a cell's own name."""
    arguments, rows = [one.strip() for one in names.split(",")], [(str(name(cell)), cell) for cell in cells]

    def decorate(check: Check) -> Check:
        @functools.wraps(check)
        def whole(**fixtures: Any) -> None:
            assert rows, f"{check.__name__}: a catalogue without cells proves nothing"
            failed: list[tuple[str, BaseException]] = []
            for called, cell in rows:
                values = cell if len(arguments) > 1 else (cell,)
                try:
                    check(**fixtures, **dict(zip(arguments, values, strict=True)))
                except (Exception, pytest.fail.Exception, pytest.skip.Exception) as failure:
                    failed.append((called, failure))
            if failed:
                raise AssertionError(_told(failed, len(rows))) from failed[0][1]

        signature = inspect.signature(check)
        asked = [one for one in signature.parameters.values() if one.name not in arguments]
        whole.__signature__ = signature.replace(parameters=asked)  # type: ignore[attr-defined]
        return whole

    return decorate


def _told(failed: list[tuple[str, BaseException]], of: int) -> str:
    reasons = [f"  {name}\n{_reason(failure)}" for name, failure in failed[:SHOWN]]
    return "\n".join([f"{len(failed)} of {of} fail:", *reasons, *(f"  {name}" for name, _ in failed[SHOWN:])])


def _reason(failure: BaseException) -> str:
    place = traceback.extract_tb(failure.__traceback__)[-1]
    said = "".join(traceback.format_exception_only(failure)).strip()
    return "\n".join(f"      {line}" for line in [f"{place.filename.rpartition('/')[2]}:{place.lineno}: {said.splitlines()[0]}", *said.splitlines()[1:6]])
