"""Generates the cells of the matrix: contracts × expectations × callers × documents. A cell is one request and the only
answers it may get."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from chassis.contracts import Operation
from tests.security.matrix.bodies import UPLOAD, body
from tests.security.matrix.world import EVERY_ROLE, SEEN_BY, SITES, TWO_SITES, UNKNOWN, Caller, World
from tests.support.client import Answer
from tests.support.contracts import BASE, operations

STALE = {"If-Match": '"999999999"'}
"""A version no document has: a write that right and scope let through then ends in stale_version and changes nothing."""
Check = Callable[[Answer], str | None]
SORTED = "sorted"
ABOVE = ("branch_code", "spare_unit_code")
"""Kinds that lie beside or above a site, so that even the own one is not seen from there."""
PAST = {"spare_unit_code": (409, "duplicate"), "work_order": (409, "bad_transition")}
"""Refusals past right and scope: one site per unit, which the second caller finds there; an order that is over."""
FORBIDDEN, MISSING, FOREIGN = (403, "forbidden"), (404, "not_found"), (422, "unknown_reference")


@dataclass(frozen=True)
class Expectation:
    """One line of expectations.yaml."""

    key: str
    reach: str
    roles: frozenset[str] = frozenset(EVERY_ROLE)
    of: str | None = None
    part: str | None = None
    lists: str | None = None
    member: str = "id"
    names: dict[str, str] = field(default_factory=dict)
    place: str | None = None


@dataclass(frozen=True)
class Cell:
    operation: Operation
    about: str
    method: str
    path: str
    expected: frozenset[tuple[int, str | None]]
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    check: Check | None = None
    waits: bool = False
    """It may take the 3 s of a reference that could still arrive."""
    caller: Caller | None = None
    may: bool = False
    """The caller's role has the right; what it is told then depends on place and document."""
    outside: bool = False
    """Asked by an outside account, whose answers hold less (G-10)."""

    def __str__(self) -> str:
        shown = "&".join(f"{name}={value}" for name, value in self.query.items())
        who = f"{self.caller.role}@{self.caller.place} " if self.caller else ""
        return f"{self.method} {self.path}{'?' + shown if shown else ''} [{who}{self.about}]"


def key_of(operation: Operation) -> str:
    return f"{operation.method.upper()} {operation.path.removeprefix(BASE)}"


@cache
def table() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "expectations.yaml").read_text(encoding="utf-8"))
    return found


@cache
def expectations() -> dict[str, Expectation]:
    return {key: _expectation(key, **line) for key, line in table()["operations"].items()}


def _expectation(key: str, reach: str, who: Any = "everyone", **rest: Any) -> Expectation:
    roles = table()["everyone"] if who == "everyone" else [] if who == "nobody" else who
    rest["place"] = rest.pop("from", None)
    return Expectation(key, reach, frozenset({*roles, "admin"}), **rest)


def cells(world: World) -> Iterator[Cell]:
    """Every cell of role, place and document. Tokens are test_tokens.py's."""
    for operation in operations():
        expected = expectations()[key_of(operation)]
        if expected.reach in ("public", "self"):
            continue
        for caller in world.callers:
            yield from _cells(world, operation, expected, caller)


def pairwise(cells: Iterable[Cell]) -> list[Cell]:
    """Of all cells those that ask every operation by every role, and from every place about every document, filter and file
    by a role that may, where one does; sorts are asked for from a site, from where least is seen. Right and scope are judged one after
    the other and know nothing of each other, so a role and a document need not meet. Which role asks about what is drawn, the same at
    each run."""
    drawn = [cell for cell in cells if cell.about != SORTED or (cell.caller and cell.caller.place == "site")]
    random.Random(20260101).shuffle(drawn)
    chosen, met = [], set[tuple[object, ...]]()
    for cell in sorted(drawn, key=lambda cell: not cell.may):
        assert cell.caller
        key, asked = key_of(cell.operation), (cell.about, cell.path, *cell.query.items())
        meets = {(key, cell.caller.role), (key, cell.caller.place, asked)}
        if meets - met:
            chosen.append(cell)
            met |= meets
    return chosen


def _cells(world: World, operation: Operation, expected: Expectation, caller: Caller) -> Iterator[Cell]:
    method, path = operation.method.upper(), operation.path.removeprefix(BASE)
    may = caller.role in expected.roles and expected.place in (None, caller.place)
    content = body(expected.key, world) if method != "GET" else None

    def cell(about: str, *outcomes: tuple[int, str | None], path: str = path, **options: Any) -> Cell:
        headers = {**caller.headers, **options.pop("headers", {})}
        if isinstance(content, bytes):
            headers["Content-Type"] = UPLOAD
        given = {"body": content, "caller": caller, "may": may, **options}
        return Cell(operation, about, method, path, frozenset(outcomes), headers, **given)

    if "{" in path:
        yield from _by_document(world, operation, expected, caller, may, cell)
    elif method == "GET":
        yield from _list(world, operation, expected, caller, may, cell)
    elif expected.names:
        (member, kind), *_ = expected.names.items()
        for site in (*SITES, None):
            named = {name: UNKNOWN if site is None else world.documents[each][site] for name, each in expected.names.items()}
            visible = site in caller.sees and not (kind in ABOVE and caller.place == "site")
            outcome = FORBIDDEN if not may else (operation.success, None) if visible else FOREIGN
            told = {**body(expected.key, world), **named}
            also = [PAST[kind]] if outcome[0] == 201 and kind in PAST else []
            yield cell(f"{member} of {site}", outcome, *also, body=told, waits=may and not visible)
    else:
        yield cell("create", (operation.success, None) if may else FORBIDDEN)


def _by_document(
    world: World, operation: Operation, expected: Expectation, caller: Caller, may: bool, cell: Callable[..., Cell]
) -> Iterator[Cell]:
    parameter, *inner = re.findall(r"\{[^}]+\}", operation.path)
    assert expected.of and len(inner) == bool(expected.part), f"{expected.key}: of what kind is the document in the path?"
    reads = operation.method == "get"
    found = (operation.success, None) if reads else (409, "stale_version")
    path = operation.path.removeprefix(BASE)

    def one(about: str, value: str, visible: bool, part: str = UNKNOWN) -> Cell:
        outcome = FORBIDDEN if not may else found if visible else MISSING
        filled = path.replace(parameter, value).replace(inner[0] if inner else parameter, part)
        return cell(about, outcome, path=filled, headers={} if reads else STALE)

    if expected.reach == "shared":
        yield one("shared", world.shared[expected.of], True, world.shared.get(expected.part or "", UNKNOWN))
    else:
        parts = world.documents.get(expected.part or "", {})
        for site in SITES:
            yield one(f"of {site}", world.documents[expected.of][site], caller.sees_one(expected.of, site), parts.get(site, UNKNOWN))
            for kind in () if inner else _between(expected.of):
                yield one(f"of {site} that {kind}", world.documents[kind][site], caller.sees_one(kind, site))
            if inner:  # the own document's path must not lead to another's part
                yield one(f"of A with the part of {site}", world.documents[expected.of]["A"], site == "A", parts[site])
    yield one("unknown", "no.such.key" if expected.of == "parameter" else UNKNOWN, False)


def _list(
    world: World, operation: Operation, expected: Expectation, caller: Caller, may: bool, cell: Callable[..., Cell]
) -> Iterator[Cell]:
    allowed: tuple[int, str | None] = (200, None) if may else FORBIDDEN
    declared = {p["name"] for p in operation.spec.get("parameters", []) if p["in"] == "query"}
    yield cell("all", allowed, query={"limit": "200"} if "limit" in declared else {}, check=_holds(world, expected, caller, may))
    if "format" in declared:
        for form in ("csv", "xlsx"):
            hidden = _hidden_text(world, expected, caller) if form == "csv" else None
            yield cell(form, allowed, query={"format": form}, check=hidden if may else None)
    if not may or expected.lists is None:
        return
    blind = _without(world, expected, caller)
    if "total" in declared:
        yield cell("count", allowed, query={"total": "true", "limit": "1"}, check=_counts)
    for sort in operation.spec.get("x-sorts", ()):
        for sign in ("", "-"):
            yield cell(SORTED, allowed, query={"sort": sign + sort, "limit": "200"}, check=blind)
    for name in declared:
        kind = FILTERS.get(name)
        if kind is None:
            continue
        for site in SITES:
            empty = site not in _told_of(caller, expected)
            query = {name: world.documents[kind][site], **({"total": "true"} if "total" in declared else {})}
            yield cell(f"filter {site}", allowed, query=query, check=_is_empty if empty else blind)


FILTERS = {
    "site_id": "site", "work_order_id": "work_order", "bill_id": "bill", "warehouse_id": "warehouse",
    "technician_id": "technician", "quick_job_id": "quick_job", "org_unit_code": "unit_code", "partner_id": "partner",
}  # fmt: skip


def _between(kind: str) -> list[str]:
    """Kinds of documents that stand in the same lists, and that two sites see."""
    return [between for between, of in TWO_SITES.items() if of == kind != between]


def _told_of(caller: Caller, expected: Expectation) -> set[str]:
    """Sites that documents of the list which the caller sees may name: of what lies between two sites the other one as well."""
    if expected.lists not in TWO_SITES and not _between(expected.lists or ""):
        return caller.sees
    return caller.sees.union(*(SEEN_BY[site] for site in SITES if caller.sees & SEEN_BY[site]))


def _listed(world: World, expected: Expectation, caller: Caller, seen: bool) -> set[str]:
    """Documents that the list has, or has not, for this caller."""
    kinds = [expected.lists, *_between(expected.lists)] if expected.lists else []
    return {id for kind in kinds for site, id in world.documents[kind].items() if caller.sees_one(kind, site) is seen}


def _hidden(world: World, expected: Expectation, caller: Caller) -> set[str]:
    return _listed(world, expected, caller, seen=False)


def _without(world: World, expected: Expectation, caller: Caller) -> Check:
    hidden = _hidden(world, expected, caller)

    def check(answer: Answer) -> str | None:
        seen = {item.get(expected.member) for item in answer.json["items"]}
        return f"shows {seen & hidden} of another unit" if seen & hidden else None

    return check


def _holds(world: World, expected: Expectation, caller: Caller, may: bool) -> Check | None:
    """All that is the caller's is there, nothing of others (lists here are shorter than one page)."""
    if not may or expected.lists is None:
        return None
    blind = _without(world, expected, caller)
    own = _listed(world, expected, caller, seen=True)

    def check(answer: Answer) -> str | None:
        seen = {item.get(expected.member) for item in answer.json["items"]}
        if answer.json.get("next_cursor") is None and own - seen:
            return f"hides {own - seen} of the own unit"
        return blind(answer)

    return check


def _hidden_text(world: World, expected: Expectation, caller: Caller) -> Check:
    hidden = _hidden(world, expected, caller)
    hidden |= {world.documents["site"][site] for site in SITES if site not in _told_of(caller, expected)} if expected.lists else set()

    def check(answer: Answer) -> str | None:
        text = answer.raw.decode("utf-8-sig")
        told = [one for one in hidden if one in text]
        return f"the file tells of {told}" if told else None

    return check


def _is_empty(answer: Answer) -> str | None:
    document = answer.json
    if document["items"] or document.get("total"):
        return f"shows what a filter found elsewhere: {json.dumps(document)[:200]}"
    return None


def _counts(answer: Answer) -> str | None:
    total = answer.json["total"]
    if total < len(answer.json["items"]) or (answer.json["next_cursor"] is None) != (total <= 1):
        return f"total {total} does not fit the page"
    return None
