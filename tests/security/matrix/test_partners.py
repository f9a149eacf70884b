"""Partners' systems in the matrix: every operation × a token without its scope; documents of the own and of other sites."""

from __future__ import annotations

import re

import pytest

from tests.security.matrix.cells import Cell, expectations, key_of
from tests.security.matrix.run import send
from tests.security.matrix.world import SEEN_BY, SITES, TWO_SITES, UNKNOWN, World
from tests.support.client import Client
from tests.support.contracts import BASE, operations

pytestmark = pytest.mark.slow


def filled(path: str, value: str) -> str:
    return re.sub(r"\{[^}]+\}", value, path.removeprefix(BASE).replace("{key}", "tax.rate"))


def test_every_operation_asks_for_its_scope(world: World, told: list[str]):
    """One partner may read sites and nothing else, another all but sites: each is told which scope it lacks."""
    few = world.partner(world.company.sites[0].code, ["orders.site.read"])
    headers, wrong, count = {"Authorization": f"Bearer {few['token']}"}, [], 0
    client = Client(world.suite.base)
    for operation in operations():
        if operation.permission in ("public", "orders.site.read") or operation.operation_id == "identity.me":
            continue
        method, path = operation.method.upper(), filled(operation.path, UNKNOWN)
        answer = client.call(method, path, headers=headers)  # the right comes before the body
        code = "forbidden" if operation.permission == "authenticated" else "scope_missing"
        count += 1
        if (answer.status, answer.code) != (403, code):
            wrong.append(f"{method} {path}: {answer.status} {answer.raw[:200]!r}")
        elif code == "scope_missing" and answer.json["scope"] != operation.permission:
            wrong.append(f"{method} {path}: names {answer.json['scope']}")
    told.append(f"partners: {count} operations without their scope")
    assert count > 90 and not wrong, "\n".join(wrong)


def test_a_partner_sees_its_own_unit_only(world: World, told: list[str]):
    cells = []
    for operation in operations():
        expected = expectations()[key_of(operation)]
        if operation.method != "get" or operation.service == "gateway" or expected.reach != "scoped" or expected.of is None:
            continue
        for mine in SITES:
            headers = {"Authorization": f"Bearer {world.partners[mine]['token']}"}
            for theirs in SITES:
                seen = mine in (SEEN_BY[theirs] if expected.of in TWO_SITES else {theirs})
                outcome = (200, None) if seen else (404, "not_found")
                path = operation.path.removeprefix(BASE)
                for kind in filter(None, (expected.of, expected.part)):
                    path = re.sub(r"\{[^}]+\}", world.documents[kind][theirs], path, count=1)
                cells.append(Cell(operation, f"partner of {mine}, document of {theirs}", "GET", path, frozenset({outcome}), headers))
    told.append(f"partners: {len(cells)} cells of documents")
    wrong = send(Client(world.suite.base), cells)
    assert len(cells) > 90 and not wrong, "\n".join(wrong[:40])
