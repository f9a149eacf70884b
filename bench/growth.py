"""`bench growth`: what a case reads at a site that has just opened, and at one with 100,000 bills: rows by table, and their ratio.

Finished cases of the site are copied by SQL until it has that many: every id of a document is rewritten by one rule, so the copies hang together
as the originals do, a year ago; masters (site, warehouse, part, …) stay what they are.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg2
from rich.console import Console
from rich.table import Table

from deploy.local.postgres import EmbeddedPostgres
from deploy.local.suite import EMBEDDED, Refused, Suite

REACH = 1.5
WARMED = 40
SETTLES = 2.5
"""Seconds until backends have told of what they read."""
MASTERS = ("site_id", "warehouse_id", "part_id", "product_id", "device_id", "technician_id", "customer_id", "party_id", "org_unit_id", "unit_id")
KEPT = frozenset({
    "sites", "site_copies", "warehouses", "technicians", "stock", "account_balances", "party_balances", "numbers", "appointments", "org_units", "users",
    "credentials", "sessions", "sign_in_devices", "outbox", "inbox", "idempotency", "scope_moves", "audit_entries", "stream_events",
})  # fmt: skip
"""Tables whose rows are masters, sums, or forgotten after a while."""
READ = "SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables"
SCOPED = """SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum), array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = ''
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
      AND EXISTS (SELECT FROM pg_attribute p WHERE p.attrelid = c.oid AND p.attname = 'org_path' AND NOT p.attisdropped)
    GROUP BY c.relname ORDER BY c.relname"""
UNIQUE_TEXTS = ("number", "external_id")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bills", type=int, default=100_000, help="of the site, about (default 100,000)")
    parser.add_argument("--cases", type=int, default=20, help="measured each time (default 20)")


def run(arguments: argparse.Namespace, running: Any) -> int:
    """0 when a case reads no more than REACH times as many rows, else 1."""
    from tests.support.campaign import Campaign
    from tests.support.company import Company

    console = Console(highlight=False, width=120)
    company = Company(running.client(patience=120.0), sites=1)
    site = company.sites[0]
    company.receive(site, [(part["id"], 900_000) for part in company.parts])
    campaign = Campaign(company, arguments.cases)
    with Suite.open(running.data, running=True) as suite:
        if suite.mode != EMBEDDED:
            raise Refused("bench growth copies rows as the embedded server's superuser")
        owners = {name: EmbeddedPostgres(suite.folder.postgres).dsn(name) for name in suite.databases}

        def cases() -> Counter[str]:
            before = _read(owners)
            for _ in range(arguments.cases):
                campaign.run(1)
            after = _read(owners)
            return Counter({name: (after[name] - before[name]) // arguments.cases for name in after if after[name] > before[name]})

        for _ in range(WARMED):  # what a process does for the first time, and tables that are a page or two
            campaign.run(1)
        small = cases()
        copies = arguments.bills // (arguments.cases + WARMED)
        for name, url in owners.items():
            rows = _copy(url, site.path, copies)
            console.print(f"{name}: {rows:,} rows copied")
        large = cases()
    table = Table("rows read by a case", "at a new site", f"with {arguments.bills:,} bills", "ratio")
    named = sorted(large | small, key=lambda name: -large[name])
    for name in [one for one in named if max(large[one], small[one]) >= 20][:25]:
        table.add_row(name, f"{small[name]:,}", f"{large[name]:,}", f"{large[name] / max(small[name], 1):.2f}")
    ratio = sum(large.values()) / sum(small.values())
    table.add_row("all", f"{sum(small.values()):,}", f"{sum(large.values()):,}", f"{ratio:.2f}")
    console.print(table)
    return 0 if ratio <= REACH else 1


def _read(owners: Mapping[str, str]) -> Counter[str]:
    time.sleep(SETTLES)
    found: Counter[str] = Counter()
    for service, url in owners.items():
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(READ)
            found.update({f"{service} {table}": int(rows) for table, rows in cursor.fetchall()})
    return found


def _copy(url: str, path: str, copies: int) -> int:
    """Every scoped row of the site, so many times more. Guards sleep meanwhile: their sums are those of the originals."""
    made = 0
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(SCOPED)
        tables = [row for row in cursor.fetchall() if row[0] not in KEPT]
        for table, columns, types in tables:
            chosen = ", ".join(_chosen(column, type_) for column, type_ in zip(columns, types, strict=True))
            names = ", ".join(f'"{column}"' for column in columns)
            cursor.execute(
                f'INSERT INTO "{table}" ({names}) SELECT {chosen} FROM "{table}" s CROSS JOIN generate_series(1, %s) g '
                "WHERE s.org_path = %s ON CONFLICT DO NOTHING", (copies, path),
            )  # fmt: skip
            made += cursor.rowcount
    return made


def _chosen(column: str, type_: str) -> str:
    if type_ == "uuid" and column not in MASTERS:
        return f"md5(s.\"{column}\"::text || ' ' || g)::uuid"
    if type_ == "timestamp with time zone":  # or what looks at the last day, once a minute, would look at all of them
        return f"s.\"{column}\" - interval '400 days'"
    return f"s.\"{column}\" || '-' || g" if column in UNIQUE_TEXTS and type_ == "text" else f's."{column}"'
