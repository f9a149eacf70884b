"""G-10: every operation × the three kinds of outside accounts × own, others' and nobody's documents. What may happen stands in
expectations.yaml, section ``outside``; what does not stand there is forbidden."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chassis.contracts import Operation
from tests.security.matrix.bodies import UPLOAD, body
from tests.security.matrix.cells import FORBIDDEN, MISSING, STALE, Cell, expectations, key_of, table
from tests.security.matrix.run import send
from tests.security.matrix.world import SITES, UNKNOWN, Outsider, World
from tests.support.client import Answer, Client
from tests.support.contracts import BASE, operations


def outside_cells(world: World) -> Iterator[Cell]:
    named = table()["outside"]
    for operation in operations():
        key = key_of(operation)
        if expectations()[key].reach == "public" or named.get(key, {}).get("self"):
            continue
        for outsider in world.outsiders.values():
            yield from _cells(world, operation, named.get(key, {}), outsider)


def _cells(world: World, operation: Operation, expected: dict[str, Any], outsider: Outsider) -> Iterator[Cell]:
    method, path = operation.method.upper(), operation.path.removeprefix(BASE)
    may, content = outsider.kind in expected.get("who", ()), body(key_of(operation), world) if operation.method != "get" else None
    found = (operation.success, None)
    of = expectations()[key_of(operation)].of

    def cell(about: str, outcome: tuple[int, str | None], filled: str = path, **options: Any) -> Cell:
        headers = {**outsider.headers, **({} if method == "GET" else STALE)}
        if isinstance(content, bytes):
            headers["Content-Type"] = UPLOAD
        given = {"body": content, "outside": True, **options}
        return Cell(operation, f"{outsider.kind} {about}", method, filled, frozenset({outcome}), headers, **given)

    if "{" in path:
        there = found if method == "GET" else (409, "stale_version")
        for about, value, seen in _documents(world, of or "", expected, outsider):
            filled = re.sub(r"\{[^}]+\}", UNKNOWN, path.replace(re.findall(r"\{[^}]+\}", path)[0], value))
            yield cell(about, FORBIDDEN if not may else there if seen else MISSING, filled)
    elif method == "GET":
        yield cell("list", found if may else FORBIDDEN, query={"limit": "200"} if _pages(operation) else {},
                   check=_own_only(world, expected, outsider) if may else None)
        if _pages(operation):
            for query in ({"format": "csv"}, {"format": "xlsx"}, {"total": "true", "limit": "1"}):
                yield cell(f"{query}", found if may else FORBIDDEN, query=query, check=_counted(expected, outsider) if may else None)
    else:
        yield cell("create", found if may else FORBIDDEN)


def _documents(world: World, of: str, expected: dict[str, Any], outsider: Outsider) -> Iterator[tuple[str, str, bool]]:
    """(what it is, its id, whether the outsider sees it)."""
    own = outsider.own.get(of)
    if own:
        yield "own", own, True
    for site, value in world.documents.get(of, {}).items():
        if value != own:
            yield f"of {site}", value, expected.get("open") == of
    if of in world.shared and world.shared[of] != own:
        yield "shared", world.shared[of], expected.get("open") == of
    for site in SITES[1:] if of == "device" else ():
        yield f"of {site}", world.cases[site].device["id"], False
    yield "unknown", UNKNOWN, False


def _pages(operation: Operation) -> bool:
    return any(parameter["name"] == "cursor" for parameter in operation.spec.get("parameters", []))


def _own_only(world: World, expected: dict[str, Any], outsider: Outsider) -> Callable[[Answer], str | None]:
    kind = expected.get("lists")

    def check(answer: Answer) -> str | None:
        seen = {item["id"] for item in answer.json["items"]}
        if kind is None:
            open_ = world.documents.get(expected["open"], {"": world.shared.get(expected["open"])})
            return None if seen >= set(open_.values()) else "hides what is open"
        own = {outsider.own[kind]} if kind in outsider.own else set()
        opened = {item["id"] for item in answer.json["items"] if item.get("problem") == "x" and kind == "work_order"}
        wrong = seen - own - opened if own <= seen else own
        return f"shows or hides {wrong}" if wrong else None

    return check


def _counted(expected: dict[str, Any], outsider: Outsider) -> Callable[[Answer], str | None]:
    kind = expected.get("lists")

    def check(answer: Answer) -> str | None:
        if "json" not in answer.headers.get("content-type", "") or kind in (None, "work_order"):
            return None
        wanted = int(kind in outsider.own)
        return None if answer.json["total"] == wanted else f"counts {answer.json['total']} instead of {wanted}"

    return check


def test_the_section_names_operations():
    there = {key_of(operation) for operation in operations()}
    assert set(table()["outside"]) <= there
    marked = {key_of(operation) for operation in operations() if operation.outside}
    assert marked == set(table()["outside"]), "what the contracts mark is what stands in expectations.yaml"


@pytest.mark.slow
def test_every_outside_cell(world: World, told: list[str]):
    everything, began = list(outside_cells(world)), time.monotonic()
    wrong = send(Client(world.suite.base), everything)
    told.append(f"matrix of outside accounts: {len(operations())} operations, {len(everything)} cells in {time.monotonic() - began:.0f} s")
    assert len(everything) > 800, "the matrix has become thin"
    assert not wrong, f"{len(wrong)} of {len(everything)} cells:\n" + "\n".join(wrong[:60])


@pytest.mark.slow
def test_the_services_own_doors_are_closed_too(world: World):
    """The second fence: a token that got past the gateway meets the same refusal at every operation that is not marked."""
    wrong = []
    for operation in operations():
        if operation.outside or operation.permission == "public" or operation.service == "gateway":
            continue
        path = re.sub(r"\{[^}]+\}", UNKNOWN, operation.path)
        client = Client(world.upstream(operation.service))
        content = body(key_of(operation), world) if operation.method != "get" else None
        sent = {"raw": content} if isinstance(content, bytes) else {"body": content}
        headers = {**world.outsiders["customer"].headers, **({"Content-Type": UPLOAD} if isinstance(content, bytes) else {})}
        answer = client.call(operation.method.upper(), path.removeprefix(BASE), headers=headers, **sent)
        if (answer.status, answer.code) != FORBIDDEN:
            wrong.append(f"{operation.service} {operation.method} {path}: {answer.status} {answer.code}")
    assert not wrong, "\n".join(wrong)
