"""`bench import`: rows per second of `import ords`, beside what plain COPY of as many rows into one table takes."""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg2
from rich.console import Console
from sqlalchemy.engine import make_url

from bench import meter
from deploy.local import ords
from deploy.local.suite import Suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", type=Path, help="a file in the format; without it one is made up")
    parser.add_argument("--rows", type=int, default=5000, help="of the made-up file (default 5000)")


def run(arguments: argparse.Namespace, running: object) -> int:
    from tests.support.suites import RunningSuite

    assert isinstance(running, RunningSuite)
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or _made_up(Path(folder) / "repairs.csv", arguments.rows)
        count = sum(1 for _ in ords.rows(path))
        with Suite.open(running.data, running=True) as suite:
            floor = _floor(suite.databases["orders"].owner_url, path)
            before, began = meter.read(suite.folder, suite.databases), time.monotonic()
            told = running.run("import", "ords", str(path), timeout=3600)
            seconds, after = time.monotonic() - began, meter.read(suite.folder, suite.databases)
        console.print(told.stdout.strip(), markup=False)
        console.print(f"{count} rows in {seconds:.1f} s: {count / seconds:.0f} rows/s, {seconds / floor:.0f} times a plain COPY "
                      f"of the file ({floor:.2f} s)")
        for name in after.cpu:
            console.print(f"  {name}: {(after.cpu[name] - before.cpu.get(name, 0)) * 1000 / max(count, 1):.2f} ms CPU per row")
    return told.returncode


def _made_up(path: Path, rows: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(ords.COLUMNS)
        for index in range(rows):
            values = {
                "id": f"made-{index}", "data_provider": "made up", "country": "GBR", "product_category": f"Thing {index % 40}",
                "brand": f"Brand {index % 97}", "repair_status": ("Fixed", "Repairable", "End of life", "Unknown")[index % 4],
                "group_identifier": f"Workshop {index % 30}", "event_date": f"20{18 + index % 7}-{1 + index % 12:02d}-11",
                "problem": f"does not work since last week, case {index}",
            }
            writer.writerow([values.get(name, "") for name in ords.COLUMNS])
    return path


def _floor(owner_url: str, path: Path) -> float:
    """Seconds to COPY the file into a temporary table of text columns and back out of sight."""
    url = make_url(owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
    text = io.StringIO()
    csv.writer(text).writerows([list(row.values.values()) for row in ords.rows(path) if row.error is None])
    text.seek(0)
    width = len(next(ords.rows(path)).values)
    began = time.monotonic()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE floor ({', '.join(f'c{n} text' for n in range(width))})")
        cursor.copy_expert("COPY floor FROM STDIN CSV", text)
        connection.rollback()
    return time.monotonic() - began
