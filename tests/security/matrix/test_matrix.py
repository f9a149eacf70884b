"""The matrix: every operation × every role at three places × own, other sites' and other branches' documents.

The rights of all are judged in process, from contracts and the roles that ship; over HTTP every pair is met, and with --long
every cell."""

import time

import pytest

from chassis.domain.principal import Principal
from gateway.identity.shipped import shipped
from tests.security.matrix.cells import Cell, cells, expectations, key_of, pairwise
from tests.security.matrix.run import send
from tests.security.matrix.world import EVERY_ROLE, World
from tests.support.client import Client
from tests.support.contracts import operations


def test_every_operation_has_an_expectation():
    there, expected = {key_of(operation) for operation in operations()}, set(expectations())
    assert not there - expected, f"no expectation in expectations.yaml: {sorted(there - expected)}"
    assert not expected - there, f"no such operation any more: {sorted(expected - there)}"


@pytest.mark.parametrize("role", EVERY_ROLE)
def test_the_roles_that_ship_may_what_is_expected(role: str):
    [rights] = [one.permissions for one in shipped() if one.code == role]
    principal = Principal.of(role, "/HQ/", rights)
    wrong = []
    for operation in operations():
        expected = expectations()[key_of(operation)]
        if operation.permission in ("public", "authenticated"):
            continue
        if principal.may(str(operation.permission)) != (role in expected.roles):
            wrong.append(f"{expected.key}: {operation.permission} {'not ' if role in expected.roles else ''}granted to {role}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_cells_over_http(world: World, told: list[str], many: bool):
    whole = list(cells(world))
    everything = whole if many else pairwise(whole)
    waiting = [cell for cell in everything if cell.waits]
    quick = [cell for cell in everything if not cell.waits]
    client, began = Client(world.suite.base), time.monotonic()
    wrong = send(client, quick) + send(client, waiting, abreast=30)
    seconds = time.monotonic() - began
    told.append(f"matrix: {len({cell.operation.path + cell.operation.method for cell in everything})} operations, "
                f"{len(whole)} cells, {len(everything)} requests in {seconds:.0f} s")
    assert len(whole) > 10_000 and len(everything) > 3000, "the matrix has become thin"
    assert not wrong, f"{len(wrong)} of {len(everything)} cells:\n" + "\n".join(wrong[:60])


def test_the_matrix_notices():
    """A cell that expects what cannot be must be told: the matrix is not blind."""
    operation = next(o for o in operations() if key_of(o) == "GET /me")
    from tests.security.matrix.run import judge
    from tests.support.client import Answer

    cell = Cell(operation, "probe", "GET", "/me", frozenset({(200, None)}))
    refused = Answer(401, {"content-type": "application/problem+json"}, b'{"code":"unauthenticated"}')
    assert judge(cell, refused)
    lying = Cell(operation, "probe", "GET", "/nowhere", frozenset({(200, None)}), check=lambda answer: "hidden things")
    assert judge(lying, Answer(200, {}, b"{}"))
