"""Figures beside what they are measured against, as one table for every benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import process_time

from rich.console import Console
from rich.table import Table

Series = list[float]


@dataclass(frozen=True)
class Ratio:
    """``value`` is read against ``floor``. ``reach`` is the least (``at_least``) or the most that the ratio may be; ``spread``
    the least and the greatest ratio of the turns that both figures are the medians of."""

    what: str
    value: float
    floor: float
    reach: float | None = None
    at_least: bool = False
    spread: tuple[float, float] | None = None

    @classmethod
    def of(cls, what: str, values: Series, floors: Series, reach: float | None = None, at_least: bool = False) -> Ratio:
        """Of figures taken in turn: each is held against the one taken beside it."""
        turns = [value / floor for value, floor in zip(values, floors, strict=True)]
        return cls(what, median(values), median(floors), reach, at_least, (min(turns), max(turns)))

    @property
    def ratio(self) -> float:
        return self.value / self.floor if self.floor else float("inf")

    @property
    def reached(self) -> bool:
        if self.reach is None:
            return True
        return self.ratio >= self.reach if self.at_least else self.ratio <= self.reach


def show(console: Console, title: str, unit: str, floor: str, rows: Iterable[Ratio]) -> bool:
    """Prints the table; whether every row reached its line."""
    listed = list(rows)
    table = Table(title, unit, floor, "ratio (turns)" if any(row.spread for row in listed) else "ratio", "reach")
    for row in listed:
        reach = "" if row.reach is None else f"{'≥' if row.at_least else '≤'} {row.reach:g}{'' if row.reached else ' missed'}"
        spread = "" if row.spread is None else f" ({row.spread[0]:.2f}–{row.spread[1]:.2f})"
        table.add_row(row.what, f"{row.value:.4g}", f"{row.floor:.4g}", f"{row.ratio:.2f}{spread}", reach)
    console.print(table)
    return all(row.reached for row in listed)


def pace() -> float:
    """Milliseconds of CPU for a fixed loop, the best of five: what to hold figures of different hours and machines against."""
    taken = []
    for _ in range(5):
        began = process_time()
        for _ in range(1_000_000):
            pass
        taken.append(process_time() - began)
    return min(taken) * 1000


def in_turn(rounds: int, *ways: Callable[[], float]) -> list[Series]:
    """Each way's figures when they are taken in turn, A B A B …, so that a change of the machine's pace meets all of them."""
    taken: list[Series] = [[] for _ in ways]
    for _ in range(rounds):
        for way, kept in zip(ways, taken, strict=True):
            kept.append(way())
    return taken


def p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[18] if len(values) > 1 else values[0]
