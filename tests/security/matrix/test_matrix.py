"""The matrix: every operation × every role at three places × own, other sites' and other branches' documents."""

import time

import pytest

from tests.security.matrix.cells import Cell, cells, expectations, key_of
from tests.security.matrix.run import send
from tests.security.matrix.world import World
from tests.support.client import Client
from tests.support.contracts import operations


def test_every_operation_has_an_expectation():
    there, expected = {key_of(operation) for operation in operations()}, set(expectations())
    assert not there - expected, f"no expectation in expectations.yaml: {sorted(there - expected)}"
    assert not expected - there, f"no such operation any more: {sorted(expected - there)}"


@pytest.mark.slow
def test_every_cell(world: World, told: list[str]):
    everything = list(cells(world))
    waiting = [cell for cell in everything if cell.waits]
    quick = [cell for cell in everything if not cell.waits]
    client, began = Client(world.suite.base), time.monotonic()
    wrong = send(client, quick) + send(client, waiting, abreast=30)
    seconds = time.monotonic() - began
    told.append(f"matrix: {len({cell.operation.path + cell.operation.method for cell in everything})} operations, "
                f"{len(everything)} cells, {len(everything)} requests in {seconds:.0f} s")
    assert len(everything) > 3000, "the matrix has become thin"
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
