"""Sends cells, a few at a time on kept connections, and tells what came out differently."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.security.matrix.cells import Cell
from tests.support import contracts
from tests.support.client import Answer, Client


def send(client: Client, cells: Iterable[Cell], abreast: int = 4) -> list[str]:
    """One line for each cell whose answer was none of the expected, broke its contract, or failed its check."""
    with ThreadPoolExecutor(abreast) as pool:
        return [line for line in pool.map(lambda cell: _one(client, cell), cells) if line]


def _one(client: Client, cell: Cell) -> str | None:
    sent = {"raw": cell.body} if isinstance(cell.body, bytes) else {"body": cell.body}
    answer = client.call(cell.method, cell.path, query=cell.query, headers=cell.headers, **sent)
    return judge(cell, answer)


def judge(cell: Cell, answer: Answer) -> str | None:
    got = (answer.status, answer.code)
    if got not in cell.expected:
        wanted = " or ".join(f"{status} {code or ''}".strip() for status, code in sorted(cell.expected, key=str))
        return f"{cell}: {answer.status} {answer.code or ''} instead of {wanted}: {answer.raw[:200].decode('utf-8', 'replace')}"
    try:
        contracts.check(cell.method, cell.path, answer, outside=cell.outside)
    except AssertionError as error:
        return f"{cell}: {error}"
    wrong = cell.check(answer) if cell.check and answer.ok else None
    return f"{cell}: {wrong}" if wrong else None
