"""Full books, made by SQL: a ledger of so many postings with its open items and balances, a stock of so many rows with bins and pieces.

What is worst is in them on purpose: a site with a hundredth of all postings, a counterparty with a twenty-fifth of them at every site, a part
that lies in every warehouse. Balances are summed up from the entries, as their triggers would have kept them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from uuid import UUID

import psycopg2
from sqlalchemy.engine import make_url

from bench.filling import Company, without_indexes

SITES, BRANCHES, MAKERS = 1000, 40, 50
_ids = Company(0)


def place(site: str) -> str:
    """SQL of the path of the site with this number."""
    return f"'/HQ/B' || ({site}) % {BRANCHES} || '/S' || ({site}) || '/'"


def id_of(noun: str, number: int) -> UUID:
    return _ids.id(noun, number)


STAMPS = "1, now(), 'made', now(), 'made'"
STAMPED = "version, created_at, created_by, updated_at, updated_by"
# Postings come in twos: a bill and what was paid for it; of every fifty-third a half is still owed.
BILLS = f"""SELECT d, site, payer, amount, CASE WHEN d % 53 = 3 THEN amount / 2 ELSE 0 END AS owed, {place("site")} AS path,
        CASE payer WHEN 'maker' THEN {_ids.uuid("counterparty", "party")} ELSE {_ids.uuid("customer", "party")} END AS party,
        'receivable_' || payer || 's' AS account, now() - ({{postings}} / 2 - d) * interval '1 minute' AS at
    FROM (SELECT d, (10 + d % 5000)::numeric(14, 2) AS amount,
            CASE WHEN d % 100 = 0 THEN 0 ELSE 1 + d * 7919 % {SITES - 1} END AS site,
            CASE WHEN d / 100 % 25 < 4 THEN 'maker' ELSE 'customer' END AS payer,
            CASE d / 100 % 25 WHEN 0 THEN 0 WHEN 1 THEN 1 + d % {MAKERS - 1} WHEN 2 THEN 1 + d % {MAKERS - 1} WHEN 3 THEN 1 + d % {MAKERS - 1}
                ELSE d % greatest({{postings}} / 10, 1) END AS party
        FROM generate_series(0::bigint, {{postings}} / 2 - 1) d) made"""
POSTING = _ids.uuid("posting", "2 * d + half")
SITE_OF_PATH = _ids.uuid("site", r"substring(org_path FROM 'S(\d+)/$')")
FINANCE: Mapping[str, str] = {
    "parties": f"""(id, kind) SELECT {_ids.uuid("counterparty", "g")}, 'maker' FROM generate_series(0, {MAKERS - 1}) g
        UNION ALL SELECT {_ids.uuid("customer", "g")}, 'customer' FROM generate_series(0, {{postings}} / 10) g""",
    "counterparties": f"""(id, kind, code, code_key, name, name_words, term_days, active, {STAMPED})
        SELECT {_ids.uuid("counterparty", "g")}, 'maker', 'M' || g, 'm' || g, 'Maker ' || g, 'maker' || g, 30, true, {STAMPS}
        FROM generate_series(0, {MAKERS - 1}) g""",
    "ledger_postings": f"""(id, source, source_id, reference, site_id, bill_id, work_order_id, currency, entry_count, posted_at, posted_by, org_path)
        SELECT {POSTING}, (ARRAY['bill', 'payment'])[1 + half], {POSTING}, 'D' || d, {_ids.uuid("site", "site")}, {_ids.uuid("bill", "d")},
            {_ids.uuid("work_order", "d")}, 'CNY', 2, at, 'made', path FROM bills_made, generate_series(0, 1) half""",
    "ledger_entries": f"""(id, posting_id, position, account, party_id, amount, org_path)
        SELECT {_ids.uuid("ledger_entry", "4 * d + 2 * half + side")}, {POSTING}, 1 + side,
            CASE WHEN side = half THEN account WHEN half = 0 THEN (ARRAY['revenue_labour', 'revenue_parts', 'output_tax'])[1 + d % 3]
                ELSE (ARRAY['cash', 'bank', 'card_clearing', 'online_clearing'])[1 + d % 4] END,
            CASE WHEN side = half THEN party END, (1 - 2 * side) * CASE half WHEN 0 THEN amount ELSE amount - owed END, path
        FROM bills_made, generate_series(0, 1) half, generate_series(0, 1) side""",
    "open_items": f"""(id, side, payer, party_id, account, document_type, document_id, reference, work_order_id, work_order_number, site_id, currency,
            issued_on, due_on, amount, open_amount, org_path, version, created_at, created_by, updated_at, updated_by)
        SELECT {_ids.uuid("open_item", "d")}, 'receivable', payer, party, account, 'bill', {_ids.uuid("bill", "d")}, 'B' || d, {_ids.uuid("work_order", "d")},
            'RE' || d, {_ids.uuid("site", "site")}, 'CNY', at::date, at::date + 30, amount, owed, path, 1, at, 'made', at, 'made' FROM bills_made""",
    "account_balances": f"""(account, site_id, amount, org_path)
        SELECT account, {SITE_OF_PATH}, sum(amount), org_path FROM ledger_entries GROUP BY account, org_path""",
    "party_balances": f"""(party_id, account, site_id, amount, org_path)
        SELECT party_id, account, {SITE_OF_PATH}, sum(amount), org_path FROM ledger_entries WHERE party_id IS NOT NULL GROUP BY party_id, account, org_path""",
}
# Five warehouses a site, the fifth its transit place; the first site has a hundredth of all. Part 0 lies in every one, part 1 likewise and is
# tracked by serial number; each other part in twenty. Rows of one part lie apart in the table, as time scatters them, under ids drawn by lot.
SITE_OF = "CASE WHEN w < {warehouses} / 100 THEN 0 ELSE w / 5 END"
QUALITY = "(ARRAY['good', 'good', 'bad', 'to_check', 'good'])[1 + w % 5]"
ROAD = "w % 5 = 4 AND (w = 4 OR w >= {warehouses} / 100)"
BINNED = f"r % 10 = 0 AND NOT ({ROAD})"
ROWS = f"""SELECT r, part, w, {SITE_OF} AS site, 4 + r % 7 AS many FROM (
        SELECT r, CASE WHEN r % 50 = 0 THEN r / 50 % 2 ELSE 2 + rest % {{parts}} END AS part,
            CASE WHEN r % 50 = 0 THEN r / 100 ELSE (rest % {{parts}} * 7919 + rest / {{parts}} * greatest({{warehouses}} / 20, 1)) % {{warehouses}} END AS w
        FROM (SELECT r, r - r / 50 - 1 AS rest FROM generate_series(0::bigint, {{stock}} - 1) r) numbered) placed"""
INVENTORY: Mapping[str, str] = {
    "parts": f"""(id, number, number_key, name, number_words, name_words, unit, price, serial_tracked, {STAMPED})
        SELECT {_ids.uuid("part", "g")}, 'P' || g, 'p' || g, 'Part ' || g, 'p' || g, 'part' || g, 'pcs', 10, g = 1, {STAMPS} FROM generate_series(0, {{parts}} + 1) g""",
    "warehouses": f"""(id, code, code_key, name, site_id, kind, quality, org_path, {STAMPED})
        SELECT {_ids.uuid("warehouse", "w")}, 'W' || w, 'w' || w, 'Warehouse ' || w, {_ids.uuid("site", SITE_OF)}, CASE WHEN {ROAD} THEN 'transit' ELSE 'store' END,
            CASE WHEN NOT ({ROAD}) THEN {QUALITY} END, {place(SITE_OF)}, {STAMPS} FROM generate_series(0, {{warehouses}} - 1) w""",
    "stock": f"""(id, warehouse_id, part_id, quality, serial_tracked, on_hand, reserved, value, binned, org_path)
        SELECT gen_random_uuid(), {_ids.uuid("warehouse", "w")}, {_ids.uuid("part", "part")}, {QUALITY}, part = 1, many, CASE WHEN {QUALITY} = 'good' THEN r % 3 ELSE 0 END,
            many * 5, CASE WHEN {BINNED} THEN 2 END, {place("site")} FROM stock_made""",
    "bins": f"""(id, warehouse_id, code, code_key, name, org_path, {STAMPED})
        SELECT {_ids.uuid("bin", "w")}, {_ids.uuid("warehouse", "w")}, 'B1', 'b1', 'Bin', {place(SITE_OF)}, {STAMPS}
        FROM generate_series(0, {{warehouses}} - 1) w WHERE NOT ({ROAD})""",
    "bin_stock": f"""(id, bin_id, warehouse_id, part_id, quality, on_hand, last_at, org_path)
        SELECT gen_random_uuid(), {_ids.uuid("bin", "w")}, {_ids.uuid("warehouse", "w")}, {_ids.uuid("part", "part")}, {QUALITY}, 2, now(), {place("site")}
        FROM stock_made WHERE {BINNED}""",
    "serials": f"""(id, part_id, number, number_key, place, place_id, warehouse_id, bin_id, quality, moved_at, org_path)
        SELECT gen_random_uuid(), {_ids.uuid("part", "1")}, 'S' || r || '-' || piece, 's' || r || piece, CASE WHEN {ROAD} THEN 'transit' ELSE 'warehouse' END,
            {_ids.uuid("warehouse", "w")}, {_ids.uuid("warehouse", "w")}, CASE WHEN {BINNED} AND piece <= 2 THEN {_ids.uuid("bin", "w")} END, {QUALITY},
            now() - r * interval '1 second', {place("site")}
        FROM stock_made, generate_series(1, many) piece WHERE part = 1""",
}


def fill_finance(url: str, postings: int) -> None:
    _fill(url, {"bills_made": BILLS}, FINANCE, postings=postings)


def fill_inventory(url: str, stock: int) -> None:
    """Every part but two in twenty warehouses, of which there is one for each hundred rows."""
    _fill(url, {"stock_made": ROWS}, INVENTORY, stock=stock, warehouses=max(stock // 100, 20), parts=max(stock // 20, 1))


def _fill(url: str, made: Mapping[str, str], tables: Mapping[str, str], **sizes: int) -> None:
    """As the superuser: triggers and checks of references sleep, what they would keep is filled as well."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'")
        for name, rows in made.items():
            cursor.execute(f"CREATE TEMP VIEW {name} AS {rows.format(**sizes)}")
        for table, rows in tables.items():
            with without_indexes(cursor, table):
                cursor.execute(f"INSERT INTO {table} {rows.format(**sizes)}")
        cursor.execute("VACUUM ANALYZE")


def superuser_url(server: str, database: object) -> str:
    return make_url(server).set(drivername="postgresql", database=str(database)).render_as_string(hide_password=False)
