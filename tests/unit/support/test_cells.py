"""A test over a catalogue fails with every cell that fails, and with nothing less than all of them asked."""

from typing import Any

import pytest

from tests.support.cells import SHOWN, over

asked: list[Any] = []


def odd(number: int, tmp_path: object = None) -> None:
    asked.append(number)
    assert number % 2, f"{number} is even"


def test_each_cell_is_asked_and_each_that_fails_is_named():
    asked.clear()
    with pytest.raises(AssertionError) as failure:
        over("number", range(1, 6), lambda number: f"cell {number}")(odd)()
    assert asked == [1, 2, 3, 4, 5], "those behind the first failure too"
    lines = str(failure.value).splitlines()
    assert lines[0] == "2 of 5 fail:"
    assert [line for line in lines if line.startswith("  cell")] == ["  cell 2", "  cell 4"]
    assert "4 is even" in str(failure.value) and "test_cells.py:" in str(failure.value)
    assert "2 is even" in str(failure.value.__cause__), "the first is told whole"


def test_what_holds_passes():
    over("number", (1, 3))(odd)()


def test_of_many_failures_every_name_is_told():
    with pytest.raises(AssertionError) as failure:
        over("number", range(0, 200, 2), lambda number: f"cell {number}")(odd)()
    told = str(failure.value).splitlines()
    assert {f"  cell {number}" for number in range(0, 200, 2)} <= set(told)
    assert sum("is even" in line for line in told) >= SHOWN


def test_any_error_is_a_failure_and_nothing_is_skipped():
    def check(cell: Any) -> None:
        cell()

    for broken in (lambda: pytest.fail("x"), lambda: pytest.skip("x"), lambda: {}["x"]):
        with pytest.raises(AssertionError, match="1 of 2 fail"):
            over("cell", [lambda: None, broken])(check)()


def test_a_catalogue_without_cells_fails():
    with pytest.raises(AssertionError, match="without cells"):
        over("number", ())(odd)()


@over("number, word", [(1, "one"), (2, "two")], lambda cell: cell[1])
def test_several_arguments_beside_fixtures(tmp_path: Any, number: int, word: str):
    (tmp_path / word).write_text(str(number))
    assert len(list(tmp_path.iterdir())) == number, "one folder for all of them"
