"""A company with many years behind it, made by SQL: orders, their journal and what every service keeps of them.

Columns are filled by name and type, so a new column needs a line here only where its value matters (``VALUES``). ``g`` counts
the rows of a table from 0; the document that a row belongs to is ``g`` modulo how many of those there are, so all services
agree on whose is whose. Sites grow with the company: one for every thousand orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import psycopg2
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url

from bench import people
from chassis.db.tables import metadata_of
from chassis.service import Service

SHARES: Mapping[str, float] = {
    "work_order": 1, "journal": 3, "timeline_entry": 3, "work_order_token": 6, "customer": 0.5,
    "device": 0.5, "hand_over_slip": 0.01, "directory": 0.001, "quote": 0.1, "quote_line": 0.2, "diagnose": 0.1, "check": 0.1, "hand_over": 0.1, "part_return": 0.01,
    "requisition": 1, "supply": 1, "requisition_line": 2, "allocation": 2, "movement": 2, "receipt": 0.01,
    "stock_receipt_line": 0.05, "bill": 1, "bill_line": 2, "payment": 1, "posting": 2, "ledger_entry": 4, "revisit": 1,
    "audit_entry": 1, "stream_event": 0.1, "session": 0.05, "user": 0.01, "site": 0.001,
    "technician": 0.003, "warehouse": 0.002, "unit": 0.001, "stock": 0.04, "sign_in_device": 0.001, "outbox": 1, "inbox": 1,
    "idempotency": 0.1, "appointment": 0.1, "attachment": 0.5, "refund": 0.01, "open_item": 1,
    "account_balance": 0.015, "party_balance": 0.5,
    "partner_call": 0.5, "webhook_delivery": 0.5,
}
"""Rows for each order; what is not named here has as many as FIXED says, or none."""
FIXED: Mapping[str, int] = {"product": 5000, "part": 100, "labour_rate": 5, "counterparty": 50, "role": 7, "parameter": 1, "parameter_change": 20}
ALIASES = {
    "ledger_posting": "posting", "stock_receipt": "receipt", "stock_movement": "movement", "org_unit": "unit",
    "credential": "user",
}
"""Tables whose rows are referred to by a shorter word (``posting_id``)."""
HELD = """'{{"value": 0.13}}'::jsonb"""
SITE, PATH = "(g % {sites})", "'/HQ/B' || (g % {sites}) % {branches} || '/S' || g % {sites} || '/'"
SHARED = """jsonb_build_array(jsonb_build_object('payer', 'customer', 'party_id', NULL, 'rule', 'coverage', 'net', '1.00', 'tax', '1.00', 'amount', '{}.00'))"""
STEPS = "jsonb_build_array(jsonb_build_object('rule', 'list_price', 'amount', '1.00'))"
WORDS = """CASE g / {work_order} WHEN 0 THEN 'device' WHEN 1 THEN 'unit' || g % 20 ELSE 'w' || (g * 7919 + g / {work_order}) % 3000
    END"""
"""Of each order's problem: one word all have, one that every twentieth has, and rarer ones."""
VALUES: Mapping[str, str] = {
    "org_path": PATH, "parameters.key": "'tax.rate'", "parameters.held": HELD, "parameter_changes.before": HELD, "parameter_changes.after": HELD,
    "work_orders.number": "'RE26' || lpad(g::text, 8, '0')", "work_orders.kind": "'repair'",
    "work_orders.channel": "(ARRAY['phone','counter','web'])[1 + g % 3]", "work_orders.origin": "'live'",
    "work_orders.state": """CASE WHEN g > {work_order} - 2000 THEN (ARRAY['registered','in_repair','in_check','ready'])[1 + g % 4]
        WHEN g % 20 = 0 THEN 'cancelled' ELSE 'audited' END""",
    "work_orders.waiting_for": "CASE WHEN g > {work_order} - 2000 AND g % 4 = 1 THEN 'parts' END",
    "work_orders.coverage": "(ARRAY['in_warranty','out_of_warranty','to_check'])[1 + g % 3]",
    "work_orders.time_zone": "'Asia/Shanghai'", "work_orders.external_id": "'X-' || g", "work_orders.source": "'made'",
    # The first site is a repair centre: it has every hundredth device of the company, and every thousandth is on its way to the second.
    "work_orders.held_path": "CASE WHEN g % 100 = 7 THEN '/HQ/B0/S0/' END", "work_orders.held_site_id": "CASE WHEN g % 100 = 7 THEN 0 END",
    "work_orders.bound_path": "CASE WHEN g % 1000 = 8 THEN '/HQ/B' || 1 % {branches} || '/S1/' END",
    "hand_over_slips.state": "CASE WHEN g > {hand_over_slip} - 100 THEN 'received' ELSE 'returned' END", "hand_over_slips.held_path": "'/HQ/B0/S0/'",
    "hand_over_slips.from_site_id": SITE, "hand_over_slips.to_site_id": "0", "hand_over_slips.work_order_id": "(g * 100 + 7)",
    "directory.kind": "'site'", "directory.id": "{uuid:site}", "directory.path": PATH, "directory.code": "'S' || g",
    "work_orders.problem": "'does not start, unit ' || g", "site_copies.time_zone": "'Asia/Shanghai'",
    "sites.time_zone": "'Asia/Shanghai'", "sites.org_unit_code": "'S' || g", "technicians.serial": "g",
    "technician_id": "(" + SITE + " + {sites} * (g / {sites} % 3))",
    "work_order_tokens.token": WORDS,
    "devices.serial_number": "'SN' || lpad(g::text, 9, '0')", "devices.serial_key": "'sn' || lpad(g::text, 9, '0')",
    "devices.serial_end": "reverse('sn' || lpad(g::text, 9, '0'))", "code_key": "'code-' || g", "number_key": "'number-' || g",
    "number_words": "'number' || g", "name_words": "'name' || g", "search_key": "'code' || g || chr(10) || 'name' || g",
    "products.category": "'category ' || g % 20", "products.brand": "'Brand ' || g % 10",
    "journal.entity": "'work_orders'", "journal.entity_id": "{uuid:work_order}", "journal.action": "'start'",
    "timeline_entries.type": "'finance.bill.issued'", "timeline_entries.source": "'finance'",
    "quotes.state": "'approved'", "quotes.coverage": "'out_of_warranty'", "quote_lines.work_order_id": "(g % {quote})",
    "quote_lines.position": "g / {quote}", "quote_lines.kind": "'part'",
    "bill_lines.steps": STEPS, "bill_lines.shares": SHARED.format(1), "quote_lines.steps": STEPS, "quote_lines.shares": SHARED.format(2),
    "open_items.side": "'receivable'", "open_items.payer": "CASE g % 3 WHEN 0 THEN 'maker' ELSE 'customer' END", "open_items.document_type": "'bill'",
    "open_items.document_id": "{uuid:bill}", "open_items.account": "CASE g % 3 WHEN 0 THEN 'receivable_makers' ELSE 'receivable_customers' END",
    "open_items.party_id": "CASE g % 3 WHEN 0 THEN {uuid:counterparty} ELSE {uuid:customer} END",
    "open_items.amount": "10 + g % 5000", "open_items.open_amount": "CASE WHEN g > {open_item} - 1000 THEN 10 ELSE 0 END",
    "account_balances.account": "(SELECT array_agg(code ORDER BY code) FROM accounts)[1 + g % 15]", "account_balances.site_id": "g / 15",
    "party_balances.account": "'receivable_customers'", "counterparties.kind": "(ARRAY['maker','insurer','company'])[1 + g % 3]",
    "payments.payer": "'customer'", "payments.account_code": "'cash'", "refunds.account_code": "'cash'", "refunds.credit_id": "{uuid:open_item}",
    "bill_lines.position": "g / {bill}", "bill_lines.kind": "'part'", "ledger_entries.position": "g / {posting}",
    "ledger_entries.account": "(SELECT array_agg(code ORDER BY code) FROM accounts)[1 + g % 3]",
    "ledger_entries.amount": "CASE WHEN g / {posting} = 0 THEN 1 ELSE -1 END",
    "ledger_postings.source_id": "{uuid:posting}", "ledger_entries.party_id": "{uuid:customer}", "ledger_postings.source": "(ARRAY['bill','payment'])[1 + g / {bill}]",
    "bills.state": "CASE WHEN g > {bill} - 1000 THEN 'open' ELSE 'settled' END",
    "bills.open_amount": "CASE WHEN g > {bill} - 1000 THEN 10 ELSE 0 END", "bills.customer_total": "10 + g % 5000", "bills.round": "1",
    "payments.amount": "1 + g % 5000", "payments.method": "(ARRAY['cash','card','bank','online'])[1 + g % 4]",
    "requisition_lines.part_id": "((g + g / {requisition}) % {part})", "allocations.part_id": "((g + g / {requisition}) % {part})",
    "requisition_lines.issued": "CASE WHEN g % {requisition} > {requisition} - 500 THEN 0 ELSE 1 END",
    "supplies.id": "{uuid:requisition}", "requisitions.type": "'normal'", "requisition_lines.asked": "0", "requisition_lines.held": "0",
    "requisition_lines.returned": "0", "requisition_lines.reserved": "0", "ledger_postings.entry_count": "2", "currency": "'CNY'",
    "requisition_lines.short": "CASE WHEN g % {requisition} > {requisition} - 500 THEN 1 ELSE 0 END",
    "requisition_lines.short_since": "CASE WHEN g % {requisition} > {requisition} - 500 THEN now() END",
    "requisitions.state": "CASE WHEN g > {requisition} - 2000 THEN 'processing' ELSE 'done' END",
    "stock_movements.kind": "(ARRAY['issue','receipt'])[1 + g / {requisition}]", "stock_movements.document_id": "{uuid:requisition}",
    "warehouse_id": "(g % {warehouse})", "warehouses.quality": "CASE WHEN g < {sites} THEN 'good' ELSE 'bad' END",
    "warehouses.kind": "'store'", "serial_tracked": "false", "stock.quality": "CASE WHEN g % {warehouse} < {sites} THEN 'good' ELSE 'bad' END",
    "stock_movements.quality": "CASE WHEN g % {warehouse} < {sites} THEN 'good' ELSE 'bad' END",
    "stock.part_id": "(g / {warehouse} % {part})", "stock_receipt_lines.position": "g / {receipt}",
    "stock_receipt_lines.part_id": "(g / {receipt} % {part})",
    "revisits.state": "CASE WHEN g > {revisit} - 2000 THEN 'open' ELSE 'recorded' END",
    "revisits.due_on": "current_date + 3 - ({revisit} - g)::int / 1440", "outbox.sent_at": "now()", "outbox.subject": "g::text",
    "outbox.org_path": "NULL", "inbox.state": "'done'", "inbox.source": "'orders'", "inbox.subject": "g::text",
    "users.username": "'user' || g", "users.username_key": "'user' || g", "users.roles": """'["agent"]'::jsonb""",
    "users.active": "g % 50 <> 0", "audit_entries.username": "'user' || g % {user}", "audit_entries.status": "201",
    "audit_entries.method": "'POST'", "audit_entries.operation": "'orders.repairs.start'",
    "audit_entries.path": "'/api/v1/work-orders/' || {uuid:work_order} || '/start'", "audit_entries.trace_id": "md5(g::text)",
    "audit_entries.address": "'10.0.0.' || g % 250", "org_units.kind": "'site'", "org_units.code": "'S' || g",
    "stream_events.kind": "'work_order.changed'", "sign_in_devices.state": "'approved'",
    "sessions.expires_at": "now() + interval '1 day'", "sessions.used_at": "now()", "appointments.slot": "int8range(g, g + 1)",
    "idempotency.created_at": "now()", "partner_calls.method": "'POST'", "partner_calls.status": "201",
}  # fmt: skip


@dataclass(frozen=True)
class Company:
    """How large. ``orders`` is a multiple of 1,000."""

    orders: int

    @property
    def sites(self) -> int:
        return self.count("site")

    def count(self, noun: str) -> int:
        """Rows of what this word names."""
        least = 10 if noun in ("site", "unit") else 0
        if noun in ("technician", "warehouse"):
            return self.sites * (3 if noun == "technician" else 2)
        return FIXED[noun] if noun in FIXED else max(least, int(self.orders * SHARES.get(noun, 0)))

    def uuid(self, noun: str, number: str) -> str:
        """SQL of the id of the ``number``-th of these, rising with the number as ids do."""
        salt = sum(noun.encode()) % 4096
        return f"(lpad(to_hex(({number})::bigint), 12, '0') || '7{salt:03x}8000000000000000')::uuid"

    def id(self, noun: str, number: int) -> UUID:
        """The same, of a number at hand."""
        return UUID(f"{number:012x}7{sum(noun.encode()) % 4096:03x}8000000000000000")

    def fill(self, service: Service, server_url: str, database: str) -> None:
        """Rows for all tables of a migrated database, as its superuser; triggers and checks of references are not asked."""
        url = make_url(server_url).set(drivername="postgresql", database=database).render_as_string(hide_password=False)
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'")
                for table in metadata_of(service).sorted_tables:
                    rows = self.count(noun_of(table))
                    cursor.execute(f'SELECT EXISTS (SELECT FROM "{table.name}")')
                    if rows and not (cursor.fetchone() or (True,))[0]:
                        with without_indexes(cursor, table.name):
                            source = people.prepare(cursor, table, rows, partial(self.id, noun_of(table)))
                            cursor.execute(self._insert(table, rows, source))
                        if table.name == "customers":
                            people.link(cursor, self.uuid("customer", "g"), self._filled(PATH))
                cursor.execute("DROP TABLE IF EXISTS sealed")
                cursor.execute("VACUUM ANALYZE")

    def _insert(self, table: sa.Table, rows: int, source: str | None) -> str:
        made = people.sealed_columns(table)
        values = {
            column.name: f"{source}.{column.name}" if column.name in made else self._value(table, column, rows)
            for column in table.columns
            if column.identity is None
        }
        columns, expressions = ", ".join(f'"{name}"' for name in values), ", ".join(values.values())
        rows_from = source or f"generate_series(0, {rows - 1}::bigint) g"
        return f'INSERT INTO "{table.name}" ({columns}) SELECT {expressions} FROM {rows_from}'

    def _value(self, table: sa.Table, column: sa.Column[object], rows: int) -> str:
        given = VALUES.get(f"{table.name}.{column.name}") or VALUES.get(column.name)
        noun = noun_of(table) if column.name == "id" else column.name.removesuffix("_id").removeprefix("event_")
        if isinstance(column.type, sa.Uuid) and (given is None or "{uuid" not in given):
            noun = "site" if noun.endswith("_site") else noun
            count = self.count(noun) if column.name != "id" else rows
            if not count and column.nullable:
                return "NULL"
            return self.uuid(noun, self._filled(given) if given else f"g % {count}" if count else "g")
        if given is not None:
            return self._filled(given)
        if column.nullable:
            return "NULL"
        return _of_type(column, rows)

    def _filled(self, text: str) -> str:
        counts = {noun: self.count(noun) for noun in (*SHARES, *FIXED)}
        names = {f"uuid:{noun}": self.uuid(noun, f"g % {max(1, count)}") for noun, count in counts.items()}
        for name, value in names.items():
            text = text.replace("{" + name + "}", value)
        return text.format(sites=self.sites, branches=max(1, self.sites // 25), **counts)


def noun_of(table: sa.Table) -> str:
    """What one row of a table is: ``work_order`` of ``work_orders`` and of ``work_order_copies``."""
    name = table.name.removesuffix("_copies")
    singular = name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")
    return ALIASES.get(singular, singular)


def _of_type(column: sa.Column[object], rows: int) -> str:
    kind = column.type
    if isinstance(kind, sa.DateTime):
        return f"now() - ({rows} - g) * interval '1 minute'"
    if isinstance(kind, sa.Date):
        return f"current_date - ({rows} - g)::int / 1440"
    if isinstance(kind, sa.Enum):
        return f"'{kind.enums[0]}'"
    if isinstance(kind, sa.Boolean):
        return "true"
    if isinstance(kind, (sa.Integer, sa.Numeric)):
        return "1"
    if isinstance(kind, JSONB):
        return "'[]'::jsonb"
    if isinstance(kind, sa.LargeBinary):
        return "'\\x'::bytea"
    return "'system'" if column.name.endswith("_by") else f"'{column.name}-' || g"


def without_indexes(cursor: psycopg2.extensions.cursor, table: str) -> _Rebuilt:
    return _Rebuilt(cursor, table)


class _Rebuilt:
    """Indexes that no constraint needs are dropped while a table is filled and made again after: half the time."""

    def __init__(self, cursor: psycopg2.extensions.cursor, table: str) -> None:
        self._cursor, self._definitions = cursor, dict(_indexes(cursor, table))

    def __enter__(self) -> None:
        for name in self._definitions:
            self._cursor.execute(f'DROP INDEX "{name}"')

    def __exit__(self, *_: object) -> None:
        for definition in self._definitions.values():
            self._cursor.execute(definition)


def _indexes(cursor: psycopg2.extensions.cursor, table: str) -> Iterator[tuple[str, str]]:
    cursor.execute(
        "SELECT i.indexrelid::regclass::name, pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
        (table,),
    )
    yield from cursor.fetchall()
