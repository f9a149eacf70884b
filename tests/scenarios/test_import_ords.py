"""`import ords`: counts equal the file's, a second run adds nothing, bad files and rows are refused and told."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.scenarios.test_load import assert_sound
from tests.support.client import Client
from tests.support.databases import owner
from tests.support.suites import RunningSuite

SAMPLE = Path(__file__).parents[1] / "data" / "ords-sample.csv"
REAL = Path(os.environ.get("AFTERSALES_ORDS_FILE", Path(__file__).parents[3] / "shared/data/ords-v0.3-repaircafewales-202507.csv"))
ENDS = {"Fixed": "audited", "Repairable": "cancelled", "End of life": "cancelled", "Unknown": "registered"}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def loaded(suite: RunningSuite) -> list[dict[str, str]]:
    told = suite.run("import", "ords", str(SAMPLE))
    assert told.returncode == 0, told.stdout + told.stderr
    return rows_of(SAMPLE)


def history(client: Client, **filters: str) -> list[dict[str, object]]:
    return [item for item in client.pages("/work-orders", **filters) if item["origin"] == "history"]


def test_every_row_as_the_file_says(loaded: list[dict[str, str]], admin: Client):
    sites = {item["id"]: item for item in admin.pages("/sites")}
    for row in loaded:
        (order,) = [item for item in history(admin, external_id=row["id"]) if item["source"] == row["data_provider"]]
        assert order["state"] == ENDS[row["repair_status"]]
        assert order["channel"] == "counter"
        assert order["problem"] == row["problem"].replace("\r\n", "\n") or order["problem"] == row["problem"]
        site = sites[str(order["site_id"])]
        assert site["name"] == row["group_identifier"]
        assert site["time_zone"] == "Europe/London"
        assert str(order["registered_at"])[:10] in (row["event_date"], _day_before(row["event_date"]))
        whole = admin.get(f"/work-orders/{order['id']}")
        reason = {"Repairable": "repairable elsewhere", "End of life": row["repair_barrier_if_end_of_life"] or "end of life"}
        assert whole["cancel_reason"] == reason.get(row["repair_status"])
        device = admin.get(f"/devices/{whole['device_id']}")
        product = admin.get(f"/products/{device['product_id']}")
        assert (product["brand"], product["category"]) == (row["brand"], row["product_category"])
        assert (device["serial_number"], device["customer_id"]) == (None, None)
        aged = bool(row["year_of_manufacture"] or row["product_age"])
        assert (device["purchased_on"] is not None) == aged
        assert (whole["coverage"] == "to_check") == (not aged)
        assert admin.get("/bills", work_order_id=str(order["id"]))["items"] == []
        assert admin.get("/revisits", work_order_id=str(order["id"]))["items"] == []


def _day_before(day: str) -> str:
    """Midnight in summer London is the evening before in UTC."""
    from datetime import date, timedelta

    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def test_counts_by_status_category_and_site(suite: RunningSuite, loaded: list[dict[str, str]], admin: Client):
    assert_counts(suite, loaded)
    for category, count in Counter(row["product_category"] for row in loaded).items():
        assert len(history(admin, category=category)) == count


def assert_counts(suite: RunningSuite, rows: list[dict[str, str]]) -> None:
    """The database against the file: status (state and reason), category, site."""
    source = rows[0]["data_provider"]
    states = owner(suite, "orders", "SELECT state, count(*) FROM work_orders WHERE source = %s GROUP BY 1", source)
    assert dict(states) == Counter(ENDS[row["repair_status"]] for row in rows)
    ends = owner(suite, "orders", """SELECT cancel_reason, count(*) FROM work_orders
        WHERE source = %s AND cancel_reason IS NOT NULL GROUP BY 1""", source)
    assert dict(ends) == Counter(
        "repairable elsewhere" if row["repair_status"] == "Repairable" else row["repair_barrier_if_end_of_life"] or "end of life"
        for row in rows if row["repair_status"] in ("Repairable", "End of life")
    )
    products = owner(suite, "orders", """SELECT p.brand || '/' || p.category, count(*) FROM work_orders o
        JOIN products p ON p.id = o.product_id WHERE o.source = %s GROUP BY 1""", source)
    assert dict(products) == Counter(f"{row['brand']}/{row['product_category']}" for row in rows)
    sites = owner(suite, "orders", """SELECT s.name, count(*) FROM work_orders o JOIN sites s ON s.id = o.site_id
        WHERE o.source = %s GROUP BY 1""", source)
    assert dict(sites) == Counter(row["group_identifier"] for row in rows)


def test_again_adds_nothing(suite: RunningSuite, loaded: list[dict[str, str]]):
    tables = ("work_orders", "products", "devices", "sites", "journal", "outbox")

    def counts() -> list[int]:
        return [owner(suite, "orders", f"SELECT count(*) FROM {table}")[0][0] for table in tables]

    before = counts()
    told = suite.run("import", "ords", str(SAMPLE))
    assert told.returncode == 0, told.stdout + told.stderr
    assert counts() == before


def test_limit(suite: RunningSuite, loaded: list[dict[str, str]]):
    told = suite.run("import", "ords", str(SAMPLE), "--limit", "3")
    assert told.returncode == 0 and " 3 " in told.stdout, told.stdout


def test_broken_rows_are_refused_by_line_and_the_others_kept(suite: RunningSuite, admin: Client, tmp_path: Path):
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    good = "{},Another source,GBR,,Kettle,10,Brightwell,,,Fixed,,Old Mill (East),2024-02-08,hums"
    path = tmp_path / "broken.csv"
    path.write_text("\n".join([
        lines[0], good.format("b1"), "b2,too,short", good.format("b3").replace("Fixed", "Mended"),
        good.format("b4").replace("2024-02-08", "2024-02-30"), good.format("b5").replace("hums", '"never closed'),
        good.format("b6").replace("hums", "bell\x07"), good.format("b7"), good.format("b1"),
    ]) + "\n", encoding="utf-8")
    told = suite.run("import", "ords", str(path))
    assert told.returncode == 1, told.stdout + told.stderr
    for line in (3, 4, 5, 6, 7):
        assert f"line {line}" in told.stdout, told.stdout
    assert "line 2" not in told.stdout and "line 8" not in told.stdout
    found = [len([o for o in history(admin, external_id=f"b{n}") if o["source"] == "Another source"]) for n in range(1, 8)]
    assert found == [1, 0, 0, 0, 0, 0, 1]


def test_a_known_row_with_other_content_is_told_and_counted_apart(suite: RunningSuite, loaded: list[dict[str, str]], tmp_path: Path):
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()[:4]
    path = tmp_path / "changed.csv"
    path.write_text("\n".join([lines[0], f"{lines[1]} and smells", *lines[2:]]) + "\n", encoding="utf-8")
    told = suite.run("import", "ords", str(path))
    assert told.returncode == 1, told.stdout + told.stderr
    [line] = [line for line in told.stdout.splitlines() if "line " in line]
    assert "line 2" in line and "another problem; left as it is" in line
    last = next(line for line in reversed(told.stdout.splitlines()) if line.lstrip("│ ").startswith("all"))
    assert [int(word) for word in last.split() if word.isdigit()] == [0, 2, 1, 0, 3], "created, there already, with other content, refused"


@pytest.mark.parametrize("content", [b"", b"id,problem\n1,x\n", "id,probl\u00e8me\n".encode("latin-1"), b"\x00\x01\x02\xff\xfe"])
def test_unusable_files_end_with_2(suite: RunningSuite, tmp_path: Path, content: bytes):
    path = tmp_path / "unusable.csv"
    path.write_bytes(content)
    told = suite.here("import", "ords", str(path))
    assert told.returncode == 2 and told.stderr, told.stdout + told.stderr


def test_no_such_file(suite: RunningSuite, tmp_path: Path):
    assert suite.here("import", "ords", str(tmp_path / "nowhere.csv")).returncode == 2


def test_the_batch_call_takes_500_rows_and_answers_each(admin: Client, loaded: list[dict[str, str]], company):
    site = company.sites[0]
    row = {"source": f"batch-{company.mark}", "external_id": "1", "site_id": site.id, "state": "audited",
           "event_date": "2024-02-08", "problem": "", "channel": "counter"}
    rows = [row, {**row, "external_id": "2", "state": "dancing"}, row]
    answer = admin.post("/work-orders/history", {"rows": rows})
    assert [(item["external_id"], item["status"]) for item in answer["results"]] == [("1", "created"), ("2", "refused"), ("1", "exists")]
    too_many = [{**row, "external_id": str(n)} for n in range(501)]
    admin.invalid("POST", "/work-orders/history", {"rows": too_many}, ["rows"])


@pytest.mark.long
@pytest.mark.skipif(not REAL.exists(), reason="the real file is not here (AFTERSALES_ORDS_FILE names it)")
def test_the_real_file(suite: RunningSuite):
    """20,190 repairs in at most 4 minutes; a second run adds nothing; reconcile finds nothing."""
    import time

    began = time.monotonic()
    told = suite.run("import", "ords", str(REAL), timeout=900)
    taken = time.monotonic() - began
    assert told.returncode == 0, told.stdout + told.stderr
    assert taken < 240, f"{taken:.0f} s"
    rows = rows_of(REAL)
    assert_counts(suite, rows)
    assert suite.run("import", "ords", str(REAL), timeout=900).returncode == 0
    assert_counts(suite, rows)
    assert_sound(suite)
