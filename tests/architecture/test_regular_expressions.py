"""Every regular expression of the product takes time in proportion to the text, whoever wrote the text: eight times as long a text
may cost eight times as much, not sixty-four."""

import importlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chassis.domain.masking import mask_phone
from chassis.ops.logging import mask
from tests.support.cells import over
from tests.support.world import ROOT, sources

SHORT, GROWN, NOTICED = 400, 8, 0.004
PIECES = [
    "a", "1", "0", "-", ".", "_", " ", "\t", "@", "+", "/", ":", "\\", "(", "中", "é", "a.", "1.", "-.", "a@", "@a.", "a@b.", "+1", "1 ", "1-", "a-", "://a",
    "a:", "a:b", "eyJ", "eyJ-", "eyJa.", "bearer ", "Bearer\t", "138", "13 ", "00-", "a=", "q=0", "<h", "=1", "2026-", "1点", "周",
]  # fmt: skip
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sources("chassis", "services", "gateway", "console") if "re.compile" in path.read_text(encoding="utf-8")]


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for module in MODULES:
        for value in vars(importlib.import_module(module)).values():
            for found in _within(value):
                yield f"{module}: {found.pattern!r}", found


def _within(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _within(one)


def slow(work: Callable[[str], Any]) -> Iterator[str]:
    """Pieces of which a long row costs far more than a short one. The clock is only asked twice where something was noticed."""
    return (piece for piece in PIECES if _grows(work, piece) and _grows(work, piece))


def _grows(work: Callable[[str], Any], piece: str) -> bool:
    ends = ("", "\0", "!")  # what comes too late to fit
    return any(_cost(work, piece * (SHORT * GROWN) + end) > max(NOTICED, 3 * GROWN * _cost(work, piece * SHORT + end)) for end in ends)


def _cost(work: Callable[[str], Any], text: str) -> float:
    began = time.thread_time()
    work(text)
    return time.thread_time() - began


def every_way(pattern: re.Pattern[Any]) -> Callable[[str], Any]:
    def work(text: str) -> None:
        given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
        pattern.fullmatch(given)
        pattern.sub(b"" if isinstance(given, bytes) else "", given)

    return work


@over("name, pattern", patterns(), lambda cell: cell[0])
def test_no_text_makes_it_slow(name: str, pattern: re.Pattern[Any]):
    assert list(slow(every_way(pattern))) == []


@pytest.mark.parametrize("work", [mask, mask_phone])
def test_no_text_makes_masking_slow(work: Callable[[str], str]):
    assert list(slow(work)) == []


def test_this_file_would_notice():
    assert len(list(patterns())) > 20
    for bad in (r"[\w.+-]+@[\w-]+\.\w", r"\beyJ[\w-]+\."):
        assert next(slow(every_way(re.compile(bad))), None), bad
