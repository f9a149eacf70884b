"""Reading the repair data standard: odd but good rows are kept, a broken row costs itself alone."""

from pathlib import Path

import pytest

from deploy.local import ords

HEADER = ",".join(ords.COLUMNS)
GOOD = "{id},Menders,GBR,Kettle,Brightwell,,,Fixed,,Old Mill,2024-02-08,{problem}"


def file(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "repairs.csv"
    path.write_bytes(("\n".join([header, *lines]) + "\n").encode())
    return path


def good(id_: str, problem: str = "hums") -> str:
    return GOOD.format(id=id_, problem=problem)


def read(path: Path) -> list[tuple[int, str | None]]:
    """(line, id or None for a broken row)."""
    return [(row.line, None if row.error else row.values["id"]) for row in ords.rows(path)]


def test_quotes_and_line_breaks_in_a_field(tmp_path: Path):
    path = file(tmp_path, good("1", '"two lines:\nsaid ""no"""'), good("2"))
    assert read(path) == [(2, "1"), (4, "2")]
    assert next(ords.rows(path)).values["problem"] == 'two lines:\nsaid "no"'


def test_a_row_with_too_few_or_too_many_fields(tmp_path: Path):
    assert read(file(tmp_path, good("1"), "2,Menders,GBR", good("3"), good("4") + ",more", good("5"))) == [
        (2, "1"), (3, None), (4, "3"), (5, None), (6, "5")
    ]


def test_a_quote_left_open_costs_one_row(tmp_path: Path):
    path = file(tmp_path, good("1"), good("2", '"never closed'), *(good(str(n)) for n in range(3, 2500)))
    found = read(path)
    assert found[:3] == [(2, "1"), (3, None), (4, "3")]
    assert len(found) == 2499 and found[-1] == (2500, "2499")


def test_text_after_a_closing_quote(tmp_path: Path):
    assert read(file(tmp_path, good("1", '"a" b'), good("2"))) == [(2, None), (3, "2")]


def test_empty_lines_and_a_byte_order_mark(tmp_path: Path):
    path = file(tmp_path, "", good("1"), header="\ufeff" + HEADER)
    assert ords.check(path) > 0
    assert read(path) == [(3, "1")]


@pytest.mark.parametrize("content, why", [
    (b"", "lacks"),
    (HEADER.replace("problem", "complaint").encode(), "problem"),
    (HEADER.encode() + b",id", "twice"),
    (HEADER.encode() + "\n1,Käthe".encode("latin-1"), "UTF-8"),
    (HEADER.encode() + "\n电".encode()[:-1], "UTF-8"),
    ((HEADER + "\n" + good("1")).encode("utf-16"), "UTF-8"),
])
def test_unusable_files(tmp_path: Path, content: bytes, why: str):
    path = tmp_path / "repairs.csv"
    path.write_bytes(content)
    with pytest.raises(ords.Unusable, match=why):
        ords.check(path)


def test_no_such_file(tmp_path: Path):
    with pytest.raises(ords.Unusable):
        ords.check(tmp_path / "nowhere.csv")
    with pytest.raises(ords.Unusable):
        ords.check(tmp_path)


def row(**values: str) -> dict[str, str]:
    return {**dict.fromkeys(ords.COLUMNS, ""), "event_date": "2024-03-01", "repair_status": "Fixed", **values}


@pytest.mark.parametrize("status, barrier, expected", [
    ("Fixed", "", {"state": "audited"}),
    ("Repairable", "", {"state": "cancelled", "reason": "repairable elsewhere"}),
    ("End of life", "Item too worn out", {"state": "cancelled", "reason": "Item too worn out"}),
    ("End of life", "", {"state": "cancelled", "reason": "end of life"}),
    ("Unknown", "", {"state": "registered"}),
    ("fixed", "", None),
])
def test_outcome(status: str, barrier: str, expected: dict[str, str] | None):
    assert ords.outcome(row(repair_status=status, repair_barrier_if_end_of_life=barrier)) == expected


@pytest.mark.parametrize("year, age, expected", [
    ("2015", "", "2015-01-01"), ("", "4", "2020-03-01"), ("", "0.5", "2023-08-31"), ("", "", None), ("old", "", None),
    ("99999", "", None), ("", "nan", None), ("", "1e9", None),
])
def test_bought_on(year: str, age: str, expected: str | None):
    assert ords.bought_on(row(year_of_manufacture=year, product_age=age)) == expected


def test_names_that_differ_in_a_letter_have_codes_of_their_own():
    names = ["Old Mill, East", "Old Mill (East)", "Old Mill East", "old mill east"]
    assert len({ords.site_code(name) for name in names}) == 4
    assert len({ords.product_code(brand, "Kettle") for brand in ("LG", "Lg", "lg ")}) == 3
    assert ords.product_code("a", "bc") != ords.product_code("ab", "c")
    assert all(len(ords.site_code(name)) <= 64 for name in names)
