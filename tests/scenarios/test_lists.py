"""Lists: pages without gaps, sorting, filters, counts, search; exports as CSV and XLSX that are safe to open."""

import csv
import io
import uuid
from typing import Any

import openpyxl
import pytest

from chassis import contracts
from tests.support.case import Case
from tests.support.cells import over
from tests.support.client import Client
from tests.support.company import Company


def test_pages_have_no_gaps_and_no_repeats(company: Company):
    agent, category = company.sites[0].as_("agent"), f"paged-{uuid.uuid4().hex[:8]}"
    made = [
        company.admin.created("/products", {"code": f"{category}-{n}", "name": f"n{n % 3}", "brand": "b", "category": category,
                                            "warranty_months": n})["id"]
        for n in range(23)
    ]
    for sort in ("code", "-code", "name", "-name", "created_at", "-created_at"):
        found = [item["id"] for item in agent.pages("/products", category=category, limit=5, sort=sort)]
        assert sorted(found) == sorted(made), sort
    by_code = [item["code"] for item in agent.pages("/products", category=category, limit=4, sort="-code")]
    assert by_code == sorted(by_code, reverse=True)
    page = agent.get("/products", category=category, limit=5, total="true")
    assert (page["total"], len(page["items"])) == (23, 5)
    assert "total" not in agent.get("/products", category=category, limit=5)


GROWS = "online_seconds"
"""What grows while one looks (G-20): nothing to compare two looks by."""
ORDERS = [(o.path.removeprefix("/api/v1"), sort) for service in contracts.services() for o in contracts.operations(service)
          for sort in o.spec.get("x-sorts", ()) if "{" not in o.path and sort != GROWS]  # fmt: skip


@pytest.fixture(scope="module")
def busy(company: Company) -> Company:
    """A day's work: paid, short and open orders, with empty values in most columns."""
    Case(company).walk("100.00", "114.81")
    for _ in range(2):
        Case(company).register()
    Case(company).to_quoted()
    return company


def still(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in item.items() if name != GROWS} for item in items]


HEAD = 40
"""Rows of each list that are looked at, as one page and as two."""


@pytest.mark.timeout(1800)  # some thousand requests, on a busy machine as well
@pytest.mark.slow
@over("path, sort", ORDERS, " ".join)
def test_each_list_sorts_both_ways_by_each_column_empty_values_last(busy: Company, many: bool, path: str, sort: str):
    """Pages are read both ways with ``--long``, else one column's upwards and the next one's downwards."""
    up, down = (still(busy.admin.get(path, sort=sign + sort, limit=HEAD)["items"]) for sign in ("", "-"))
    assert len(up) == len(down)
    odd = bool(ORDERS.index((path, sort)) % 2)
    for sign, whole in [("", up)] * (many or not odd) + [("-", down)] * (many or odd):
        paged = still(two_pages(busy, path, sign + sort, max(1, (len(whole) + 1) // 2)))
        assert paged[: len(whole)] == whole, "pages have neither gaps nor repeats"
    if up and sort in up[0]:
        values = [[item[sort] for item in items] for items in (up, down)]
        for found in values:
            filled = [value for value in found if value is not None]
            assert found == filled + [None] * (len(found) - len(filled)), "empty values come last"
            assert len(up) == HEAD or sorted(map(str, filled)) == sorted(str(value) for value in values[0] if value is not None)
        if not isinstance(values[0][0], str) or sort.endswith(("_at", "_on", "at")):
            filled, falling = ([value for value in found if value is not None] for found in values)
            assert (filled, falling) == (sorted(filled), sorted(falling, reverse=True))
            assert not (filled and falling) or filled[0] <= falling[0], "the least of all and the most of all"


def two_pages(company: Company, path: str, sort: str, limit: int) -> list[dict[str, Any]]:
    """Items of whatever list it is, as they came: their shape is held against its contract by the client."""
    first = company.admin.get(path, sort=sort, limit=limit)
    if first["next_cursor"] is None:
        return first["items"]
    return first["items"] + company.admin.get(path, sort=sort, limit=limit, cursor=first["next_cursor"])["items"]


def test_ranges_hold_their_ends(busy: Company):
    for path, name in (("/bills", "customer_total"), ("/bills", "issued_on"), ("/work-orders", "registered_at"), ("/payments", "amount"), ("/stock", "on_hand")):
        whole = [item[name] for item in busy.admin.pages(path, sort=name)]
        assert whole
        middle = whole[len(whole) // 2]
        number = (lambda text: text) if name.endswith(("_on", "_at")) else float
        for end, keeps in (("from", lambda value, middle: value >= middle), ("to", lambda value, middle: value <= middle)):
            found = [item[name] for item in busy.admin.pages(path, sort=name, **{f"{name}_{end}": middle})]
            assert found == [value for value in whole if keeps(number(value), number(middle))], (path, name, end)
        assert busy.admin.call("GET", path, query={f"{name}_from": "x"}).status == 400


def test_rows_that_come_meanwhile_do_not_shift_pages(company: Company):
    category = f"shift-{uuid.uuid4().hex[:8]}"
    body = {"name": "n", "brand": "b", "category": category, "warranty_months": 1}
    for n in range(6):
        company.admin.created("/products", {**body, "code": f"{category}-{n}"})
    first = company.admin.get("/products", category=category, limit=3, sort="code")
    company.admin.created("/products", {**body, "code": f"{category}-00"})
    second = company.admin.get("/products", category=category, limit=3, sort="code", cursor=first["next_cursor"])
    codes = [item["code"] for item in first["items"] + second["items"]]
    assert codes == [f"{category}-{n}" for n in range(6)]


def test_search_by_number_phone_serial_and_words(company: Company):
    case = Case(company).register(problem="牛头牌电锯启动时冒烟 with a grinding noise", external_id=f"EXT-{uuid.uuid4().hex[:6]}")
    manager = case.site.as_("manager")
    for words in (case.order["number"], case.order["number"][:9], case.customer["phone"], case.customer["phone"][3:],
                  case.device["serial_number"], case.device["serial_number"][:8], "grinding", "冒烟", "grinding noise"):
        found = {item["id"] for item in manager.pages("/work-orders", q=words)}
        assert case.id in found, words
    assert manager.get("/work-orders", q="grinding waterfall")["items"] == []
    assert [item["id"] for item in manager.get("/work-orders", external_id=case.order["external_id"])["items"]] == [case.id]
    by_category = {item["id"] for item in manager.pages("/work-orders", category=company.product["category"])}
    assert case.id in by_category
    assert case.id not in {item["id"] for item in manager.pages("/work-orders", state="audited")}


DANGEROUS = ["=1+1", "+44 20", "-2+3", "@SUM(A1)", "=cmd|' /C calc'!A0"]


@pytest.fixture(scope="module")
def exported(company: Company) -> tuple[Client, str, int]:
    """A site with orders whose problems a spreadsheet would run; (reader, site, count)."""
    site = company.sites[2]
    for problem in [*DANGEROUS, "Komma, \"quotes\"\nand a line", "ordinary 中文"]:
        body = {"kind": "repair", "channel": "phone", "site_id": site.id, "problem": problem}
        site.as_("agent").created("/work-orders", body)
    reader = site.as_("manager")
    return reader, site.id, int(reader.get("/work-orders", site_id=site.id, total="true", limit=1)["total"])


def test_csv_is_whole_and_starts_no_formula(exported: tuple[Client, str, int]):
    reader, site, count = exported
    answer = reader.call("GET", "/work-orders", query={"site_id": site, "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.raw.decode("utf-8-sig"))))
    assert len(rows) == count + 1
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows[1:] for cell in row):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    assert any("ordinary 中文" in cell for row in rows for cell in row)
    assert any('Komma, "quotes"\nand a line' in cell for row in rows for cell in row)


def test_xlsx_is_whole_and_starts_no_formula(exported: tuple[Client, str, int]):
    reader, site, count = exported
    answer = reader.call("GET", "/work-orders", query={"site_id": site, "format": "xlsx"})
    assert "spreadsheetml" in answer.headers["content-type"]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.raw)).active
    assert sheet is not None and sheet.max_row == count + 1
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    assert {problem for problem in DANGEROUS if any(problem in str(cell.value) for cell in cells)} == set(DANGEROUS)


@pytest.mark.parametrize("path", ["/customers", "/devices", "/products", "/parts", "/stock", "/bills", "/payments", "/revisits",
                                  "/sites", "/warehouses", "/technicians", "/labour-rates", "/users", "/org-units",
                                  "/parameters", "/stock-receipts", "/requisitions"])
def test_every_list_exports(company: Company, path: str):
    for kind, media in (("csv", "text/csv"), ("xlsx", "spreadsheetml")):
        answer = company.admin.call("GET", path, query={"format": kind})
        assert answer.status == 200 and media in answer.headers["content-type"], (path, kind, answer.raw[:300])
        assert answer.raw
