"""`reconcile` names each offence that is planted in the databases behind the suite's back, and only that."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import servers_for
from tests.support import files
from tests.support.case import Case
from tests.support.client import eventually
from tests.support.company import Company
from tests.support.suites import RunningSuite


@dataclass
class Planted:
    """An offence: SQL that commits it, SQL that takes it back, and what reconcile must say of it."""

    invariant: int
    service: str
    commit: str
    undo: str
    names: str


@pytest.fixture(scope="module")
def own() -> Iterator[RunningSuite]:
    """A suite of its own: what is broken here must not break the other stories. The databases are the same either way."""
    running = RunningSuite(servers_for("embedded")).start()
    yield running
    running.dispose()


@pytest.fixture(scope="module")
def case(own: RunningSuite) -> Case:
    company = Company(own.client(), sites=1)
    company.receive(company.sites[0], [(part["id"], 50) for part in company.parts])
    _piece(company)
    open_ = Case(company).to_quoted().approve()
    open_.wait_for("in_repair", None)
    finished = Case(company).walk("100.00", "114.81")
    body, headers = files.form("a.png", files.png(padding=600_000))
    assert company.admin.call("POST", f"/work-orders/{finished.id}/attachments", raw=body, headers=headers).status == 201
    return finished


def _piece(company: Company) -> None:
    """A part with a serial number in a bin."""
    good = company.sites[0].good["id"]
    bin_ = company.admin.created("/bins", {"warehouse_id": good, "code": "A1", "name": "x"})
    body = {"number": f"ENG-{company.mark}", "name": "engine", "unit": "pcs", "price": "1.00", "serial_tracked": True}
    part = company.admin.created("/parts", body)
    line = {"part_id": part["id"], "quantity": 1, "unit_cost": "1.2345", "bin_id": bin_["id"], "serial_numbers": ["SN-PLANTED"]}
    company.admin.created("/stock-receipts", {"warehouse_id": good, "lines": [line]})


def offences(case: Case) -> dict[str, Planted]:
    order, number, bill = case.id, case.order["number"], case.bill
    part, site = case.company.parts[0], case.site
    event = uuid.uuid4()
    (engine,) = case.company.admin.get("/parts", number=f"ENG-{case.company.mark}")["items"]
    of_engine = f"WHERE part_id = '{engine['id']}'"
    return {
        "no bill": Planted(1, "orders", f"""UPDATE work_orders SET billing = jsonb_set(billing, '{{round}}', '2')
            WHERE id = '{order}'""", f"""UPDATE work_orders SET billing = jsonb_set(billing, '{{round}}', '1')
            WHERE id = '{order}'""", number),
        "bill of a history order": Planted(1, "orders", f"UPDATE work_orders SET origin = 'history' WHERE id = '{order}'",
                                           f"UPDATE work_orders SET origin = 'live' WHERE id = '{order}'", bill["number"]),
        "another total": Planted(1, "orders", f"""UPDATE work_orders SET billing = jsonb_set(billing, '{{customer_total}}',
            '"9.99"') WHERE id = '{order}'""", f"""UPDATE work_orders SET billing = jsonb_set(billing, '{{customer_total}}',
            '"214.81"') WHERE id = '{order}'""", bill["number"]),
        "billed but not issued": Planted(2, "finance", f"""UPDATE bill_lines SET quantity = quantity + 1
            WHERE bill_id = '{bill['id']}' AND ref = '{part['id']}'""", f"""UPDATE bill_lines SET quantity = quantity - 1
            WHERE bill_id = '{bill['id']}' AND ref = '{part['id']}'""", bill["number"]),
        "came back to orders only": Planted(2, "orders", f"""INSERT INTO part_returns
            (id, work_order_id, version, part_id, quantity, quality, org_path)
            SELECT '{event}', id, 99, '{part['id']}', 1, 'good', org_path FROM work_orders WHERE id = '{order}'""",
            f"DELETE FROM part_returns WHERE id = '{event}'", number),
        "came back to inventory only": Planted(2, "inventory", f"""UPDATE requisition_lines l SET issued = issued + 1, returned = returned + 1
            FROM requisitions r WHERE r.id = l.requisition_id AND r.work_order_id = '{order}' AND l.part_id = '{part['id']}'""",
            f"""UPDATE requisition_lines l SET issued = issued - 1, returned = returned - 1
            FROM requisitions r WHERE r.id = l.requisition_id AND r.work_order_id = '{order}' AND l.part_id = '{part['id']}'""", number),
        "stock": Planted(3, "inventory", f"""UPDATE stock SET on_hand = on_hand + 1 WHERE part_id = '{part['id']}'
            AND warehouse_id = '{site.good['id']}'""", f"""UPDATE stock SET on_hand = on_hand - 1
            WHERE part_id = '{part['id']}' AND warehouse_id = '{site.good['id']}'""", part["number"]),
        "a value's fourth decimal": Planted(3, "inventory", f"UPDATE stock SET value = value + 0.0001 {of_engine}",
                                            f"UPDATE stock SET value = value - 0.0001 {of_engine}", engine["number"]),
        "more in a bin": Planted(3, "inventory", f"UPDATE bin_stock SET on_hand = on_hand + 1 {of_engine}",
                                 f"UPDATE bin_stock SET on_hand = on_hand - 1 {of_engine}", f"part {engine['number']} in bin A1"),
        "less in bins than bin by bin": Planted(3, "inventory", f"UPDATE stock SET binned = binned - 1 {of_engine}",
                                              f"UPDATE stock SET binned = binned + 1 {of_engine}", f"bins of part {engine['number']}"),
        "a piece elsewhere": Planted(3, "inventory", f"UPDATE serials SET place = 'customer', place_id = NULL {of_engine}",
                                     f"UPDATE serials SET place = 'warehouse', place_id = warehouse_id {of_engine}", "SN-PLANTED"),
        "a piece too few": Planted(3, "inventory", f"UPDATE serials SET quality = 'bad' {of_engine}",
                                   f"UPDATE serials SET quality = 'good' {of_engine}", f"pieces of part {engine['number']}"),
        "a piece that is not out": Planted(3, "inventory", f"""UPDATE requisition_lines SET serial_numbers = '["X"]' WHERE part_id = '{part['id']}'
            AND requisition_id = (SELECT id FROM requisitions WHERE work_order_id = '{order}')""",
            f"""UPDATE requisition_lines SET serial_numbers = NULL WHERE part_id = '{part['id']}'
            AND requisition_id = (SELECT id FROM requisitions WHERE work_order_id = '{order}')""", f"pieces of part {part['number']}"),
        "sent to nowhere": Planted(3, "inventory", f"""INSERT INTO stock_movements (id, at, kind, warehouse_id, part_id, quality, quantity, unit_cost,
            value, document_type, document_id, actor, org_path) SELECT '{event}', at, 'ship', warehouse_id, part_id, quality, -1, 1, -1, 'transfer',
            '{event}', actor, org_path FROM stock_movements {of_engine}""", f"DELETE FROM stock_movements WHERE id = '{event}'", f"transfer {event}"),
        "in though it went out": Planted(3, "inventory", f"UPDATE stock_movements SET kind = 'issue' {of_engine}",
                                         f"UPDATE stock_movements SET kind = 'receipt' {of_engine}", f"movement of part {engine['number']}"),
        "received otherwise": Planted(3, "inventory", f"UPDATE stock_receipt_lines SET quantity = quantity + 1 {of_engine}",
                                      f"UPDATE stock_receipt_lines SET quantity = quantity - 1 {of_engine}", f"part {engine['number']} of receipt"),
        "told otherwise": Planted(3, "inventory", f"""UPDATE supplies SET announced = jsonb_set(announced, '{{lines}}', '[]') WHERE work_order_id = '{order}'""",
            f"""UPDATE supplies SET announced = jsonb_set(announced, '{{lines}}', (SELECT to_jsonb(c.lines) FROM (SELECT jsonb_agg(jsonb_build_object(
            'part_id', part_id, 'needed', needed, 'reserved', reserved, 'issued', issued, 'returned', returned) ORDER BY part_id) AS lines
            FROM requisition_lines WHERE requisition_id = supplies.id) c)) WHERE work_order_id = '{order}'""", f"supply of part {part['number']}"),
        "no longer planned": Planted(3, "inventory", f"UPDATE requisitions SET planned = false, number = 'RQ', applied_at = now() WHERE work_order_id = '{order}'",
                                     f"UPDATE requisitions SET planned = true, number = NULL, applied_at = NULL WHERE work_order_id = '{order}'", f"requisitions of work order {number}"),
        "kept for nothing": Planted(3, "inventory", f"""UPDATE requisition_lines SET reserved = reserved + 1 WHERE part_id = '{part['id']}'
            AND requisition_id = (SELECT id FROM requisitions WHERE work_order_id = '{order}')""",
            f"""UPDATE requisition_lines SET reserved = reserved - 1 WHERE part_id = '{part['id']}'
            AND requisition_id = (SELECT id FROM requisitions WHERE work_order_id = '{order}')""", f"reservation of part {part['number']}"),
        "asked for less": Planted(3, "inventory", f"""UPDATE requisitions SET planned = false, number = 'RQ', applied_at = now(), type = 'internal'
            WHERE work_order_id = '{order}'""", f"""UPDATE requisitions SET planned = true, number = NULL, applied_at = NULL, type = 'normal'
            WHERE work_order_id = '{order}'""", f"need of part {part['number']} of requisition RQ"),
        "reserved": Planted(3, "inventory", f"""UPDATE stock SET reserved = reserved + 1 WHERE part_id = '{part['id']}'
            AND warehouse_id = '{site.good['id']}'""", f"""UPDATE stock SET reserved = reserved - 1
            WHERE part_id = '{part['id']}' AND warehouse_id = '{site.good['id']}'""", part["number"]),
        "unbalanced": Planted(4, "finance", f"""UPDATE ledger_entries SET amount = amount + 0.01 WHERE account = 'cash'
            AND posting_id IN (SELECT id FROM ledger_postings WHERE bill_id = '{bill['id']}')""",
            f"""UPDATE ledger_entries SET amount = amount - 0.01 WHERE account = 'cash'
            AND posting_id IN (SELECT id FROM ledger_postings WHERE bill_id = '{bill['id']}')""", "posting"),
        "receivable": Planted(4, "finance", f"UPDATE payments SET amount = amount + 1 WHERE bill_id = '{bill['id']}'",
                              f"UPDATE payments SET amount = amount - 1 WHERE bill_id = '{bill['id']}'", "in its money account"),
        "another payer": Planted(4, "finance", f"""UPDATE bill_lines SET shares = jsonb_set(shares, '{{0,payer}}', '"maker"')
            WHERE bill_id = '{bill['id']}' AND position = 1""", f"""UPDATE bill_lines SET shares = jsonb_set(shares, '{{0,payer}}', '"customer"')
            WHERE bill_id = '{bill['id']}' AND position = 1""", bill["number"]),
        "open again": Planted(4, "finance", f"UPDATE open_items SET open_amount = 1 WHERE document_id = '{bill['id']}'",
                              f"UPDATE open_items SET open_amount = 0 WHERE document_id = '{bill['id']}'", f"for {bill['number']}"),
        "settled by nothing": Planted(4, "finance", f"""UPDATE allocations SET document_id = '{event}'
            WHERE id = (SELECT min(a.id::text)::uuid FROM allocations a JOIN open_items i ON i.id = a.open_item_id WHERE i.document_id = '{bill['id']}')""",
            f"""UPDATE allocations SET document_id = (SELECT p.id FROM payments p WHERE p.amount = allocations.amount AND p.bill_id = '{bill['id']}')
            WHERE document_id = '{event}'""", f"payment {event}"),
        "owed by another": Planted(4, "finance", f"UPDATE ledger_entries SET party_id = NULL WHERE party_id = '{case.customer['id']}'",
                                   f"UPDATE ledger_entries SET party_id = '{case.customer['id']}' WHERE account = 'receivable_customers' AND party_id IS NULL",
                                   "opens and settles"),
        "owes as somebody else": Planted(4, "finance", f"UPDATE parties SET kind = 'maker' WHERE id = '{case.customer['id']}'",
                                         f"UPDATE parties SET kind = 'customer' WHERE id = '{case.customer['id']}'",
                                         case.customer["id"]),
        "balance": Planted(4, "finance", "UPDATE account_balances SET amount = amount + 1 WHERE account = 'output_tax'",
                           "UPDATE account_balances SET amount = amount - 1 WHERE account = 'output_tax'", "account output_tax"),
        "balance of a party": Planted(4, "finance", f"UPDATE party_balances SET amount = amount + 1 WHERE party_id = '{case.customer['id']}'",
                                      f"UPDATE party_balances SET amount = amount - 1 WHERE party_id = '{case.customer['id']}'", case.customer["id"]),
        "taken back by nothing": Planted(4, "finance", f"UPDATE payments SET reversed_by_id = '{event}' WHERE bill_id = '{bill['id']}' AND amount = 100",
                                         f"UPDATE payments SET reversed_by_id = NULL WHERE reversed_by_id = '{event}'", "one that is missing"),
        "no revisit": Planted(5, "callcenter", f"""UPDATE revisits SET work_order_id = '{event}'
            WHERE work_order_id = '{order}'""", f"""UPDATE revisits SET work_order_id = '{order}'
            WHERE work_order_id = '{event}'""", number),
        "sent and waiting": Planted(6, "orders", f"""UPDATE outbox SET next_at = now() + interval '1 day'
            WHERE position = (SELECT max(position) FROM outbox WHERE subject = '{order}')""",
            f"UPDATE outbox SET next_at = NULL WHERE subject = '{order}'", "event"),
        "half a file": Planted(8, "orders", "UPDATE attachment_pieces SET number = 9 WHERE number = 1",
                               "UPDATE attachment_pieces SET number = 1 WHERE number = 9", "a.png"),
        "never handled": Planted(6, "finance", f"""INSERT INTO outbox (id, type, subject, sequence, org_path, envelope,
            created_at, sent_at) SELECT '{event}', type, subject, sequence, org_path, envelope, created_at, sent_at
            FROM outbox WHERE type = 'aftersales.finance.bill.issued.v1' AND subject = '{bill['id']}'""",
            f"DELETE FROM outbox WHERE id = '{event}'", str(event)),
        "waiting too long": Planted(6, "orders", f"""UPDATE outbox SET sent_at = NULL, created_at = created_at
            - interval '1 day', next_at = now() + interval '1 day'
            WHERE position = (SELECT min(position) FROM outbox WHERE subject = '{order}')""",
            f"""UPDATE outbox SET sent_at = now(), created_at = created_at + interval '1 day', next_at = NULL
            WHERE sent_at IS NULL AND subject = '{order}'""", "waited"),
        "copy": Planted(7, "orders", f"UPDATE part_copies SET price = price + 1 WHERE id = '{part['id']}'",
                        f"UPDATE part_copies SET price = price - 1 WHERE id = '{part['id']}'", part["number"]),
        "another's bill": Planted(7, "finance", f"UPDATE bills SET customer_id = '{event}' WHERE work_order_id = '{order}'",
                                  f"UPDATE bills SET customer_id = '{case.customer['id']}' WHERE work_order_id = '{order}'", f"bill of work order {number}"),
        "at another site": Planted(7, "inventory", f"UPDATE supplies SET site_id = '{event}' WHERE work_order_id = '{order}'",
                                   f"UPDATE supplies SET site_id = '{site.id}' WHERE work_order_id = '{order}'", f"requisition by site of work order {number}"),
        "on another road": Planted(7, "inventory", f"UPDATE supplies SET bound_site_id = '{event}' WHERE work_order_id = '{order}'",
                                   f"UPDATE supplies SET bound_site_id = NULL WHERE work_order_id = '{order}'", f"requisition by site of work order {number}"),
        "seen by a stranger": Planted(3, "inventory", f"UPDATE supplies SET held_path = '/HQ/X/' WHERE work_order_id = '{order}'",
                                      f"UPDATE supplies SET held_path = NULL WHERE work_order_id = '{order}'", f"supply of work order {number}"),
        "served elsewhere": Planted(3, "inventory", f"UPDATE requisitions SET site_id = '{event}' WHERE work_order_id = '{order}'",
                                    f"UPDATE requisitions SET site_id = '{site.id}' WHERE work_order_id = '{order}'", f"place of requisition {number}"),
        "a line astray": Planted(3, "inventory", f"UPDATE requisition_lines SET bound_path = '/HQ/X/' WHERE part_id = '{part['id']}'",
                                 f"UPDATE requisition_lines SET bound_path = NULL WHERE part_id = '{part['id']}'", f"place of part {part['number']} of requisition"),
        "kept elsewhere": Planted(3, "inventory", f"UPDATE allocations SET org_path = '/HQ/X/' WHERE part_id = '{part['id']}'",
                                  f"UPDATE allocations SET org_path = '{site.path}' WHERE part_id = '{part['id']}'", f"part {part['number']} of requisition {number} in warehouse"),
        "a piece out of sight": Planted(3, "inventory", f"UPDATE serials SET place = 'order', place_id = '{order}', org_path = '/HQ/X/' {of_engine}",
                                        f"UPDATE serials SET place = 'warehouse', place_id = warehouse_id, org_path = '{site.path}' {of_engine}", "is out for work order"),
        "still named": Planted(9, "orders", f"""INSERT INTO erasures (id, reason, erased_at, version, created_at, created_by, updated_at,
            updated_by) SELECT '{case.customer['id']}', 'x', now(), 1, now(), 'x', now(), 'x'""",
            f"DELETE FROM erasures WHERE id = '{case.customer['id']}'", f"work order {number}"),
        "erased by nobody": Planted(9, "callcenter", f"UPDATE customers SET erased_at = now() WHERE id = '{case.customer['id']}'",
                                    f"UPDATE customers SET erased_at = NULL WHERE id = '{case.customer['id']}'", case.customer["id"]),
        "a revisit of what nobody collected": Planted(5, "orders", f"UPDATE work_orders SET uncollected_reason = 'x' WHERE id = '{order}'",
            f"UPDATE work_orders SET uncollected_reason = NULL WHERE id = '{order}'", number),
        "a cancel without answer": Planted(10, "orders", f"UPDATE work_orders SET state = 'cancelling' WHERE id = '{order}'",
            f"UPDATE work_orders SET state = 'audited' WHERE id = '{order}'", number),
        "a quick job left alone": Planted(10, "orders", f"UPDATE work_orders SET kind = 'quick_job', state = 'in_repair' WHERE id = '{order}'",
            f"UPDATE work_orders SET kind = 'repair', state = 'audited' WHERE id = '{order}'", number),
        "reserved for what is cancelled": Planted(10, "inventory", f"""UPDATE requisition_lines SET reserved = 1 WHERE part_id = '{part['id']}'
            AND requisition_id = (SELECT id FROM requisitions WHERE work_order_id = '{order}');
            UPDATE requisitions SET cancelled = true WHERE work_order_id = '{order}'""",
            f"""UPDATE requisition_lines SET reserved = 0 WHERE part_id = '{part['id']}'
            AND requisition_id = (SELECT id FROM requisitions WHERE work_order_id = '{order}');
            UPDATE requisitions SET cancelled = false WHERE work_order_id = '{order}'""", number),
        **{name: Planted(11, "orders", f"UPDATE work_orders SET held_site_id = '{event}', held_path = '/HQ/nowhere/' WHERE id = '{order}'",
                         f"UPDATE work_orders SET held_site_id = NULL, held_path = NULL WHERE id = '{order}'", f"{name} of work order {number}")
           for name in ("device", "paths", "words")},
        "called otherwise": Planted(11, "orders", f"UPDATE directory SET name = name || 'x' WHERE id = '{site.id}'",
                                    f"UPDATE directory SET name = rtrim(name, 'x') WHERE id = '{site.id}'", "directory entry"),
        "missing copy": Planted(7, "finance", f"UPDATE site_copies SET id = '{event}' WHERE id = '{site.id}'",
                                f"UPDATE site_copies SET id = '{site.id}' WHERE id = '{event}'", site.code),
    }


NAMES = ("no bill", "bill of a history order", "another total", "billed but not issued", "came back to orders only", "came back to inventory only", "stock", "a value's fourth decimal",
         "more in a bin", "less in bins than bin by bin", "a piece elsewhere", "a piece too few", "a piece that is not out", "sent to nowhere",
         "in though it went out", "received otherwise", "told otherwise", "no longer planned", "kept for nothing", "asked for less", "reserved", "unbalanced",
         "receivable", "another payer", "open again", "settled by nothing", "owed by another", "owes as somebody else", "balance", "balance of a party",
         "taken back by nothing", "no revisit", "sent and waiting", "never handled", "waiting too long", "copy", "missing copy",
         "another's bill", "at another site", "still named", "erased by nobody", "half a file", "a revisit of what nobody collected", "a cancel without answer",
         "a quick job left alone", "reserved for what is cancelled", "device", "paths", "words", "called otherwise", "on another road", "seen by a stranger",
         "served elsewhere", "a line astray", "kept elsewhere", "a piece out of sight")


def reconcile(suite: RunningSuite, wait: float = 0) -> tuple[int, list[dict[str, object]]]:
    """By the program itself where it has to start the databases (the last test here), else in this process."""
    ask = suite.here if suite.process and suite.process.poll() is None else suite.run
    told = ask("reconcile", "--json", "--wait", str(wait))
    assert told.returncode in (0, 1), told.stdout + told.stderr
    return told.returncode, json.loads(told.stdout)["offenders"]


def change(suite: RunningSuite, service: str, statement: str) -> None:
    """Behind the suite's back: triggers and constraints that would prevent it are asleep."""
    from contextlib import closing

    import psycopg2

    from deploy.local.folder import DataFolder
    from deploy.local.postgres import EmbeddedPostgres

    dsn = EmbeddedPostgres(DataFolder(suite.data).postgres).dsn(service)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        assert cursor.rowcount > 0, statement


def test_a_sound_suite(own: RunningSuite, case: Case):
    assert reconcile(own, wait=20) == (0, [])


def test_parts_built_in_while_a_new_quote_waits_are_no_offence(own: RunningSuite, case: Case):
    company, part = case.company, case.company.part("10.00")
    company.receive(company.sites[0], [(part["id"], 1)])
    other = Case(company, hours=0, quantities=[(part, 1)]).to_quoted().approve()
    other.wait_for("in_repair", None)
    other.complete()
    eventually(lambda: company.stock(part["id"], company.sites[0].good["id"]) == (0, 0, 0), "it is issued")
    other.act("manager", "check", {"passed": False, "reason": "more is broken"})
    other.act("technician", "quote", {"labour": [], "parts": [{"part_id": part["id"], "quantity": 2}]})
    assert reconcile(own, wait=20) == (0, [])


def test_a_device_at_another_site_is_no_offence(own: RunningSuite, case: Case):
    company = Company(own.client(), sites=2)
    for site in company.sites:
        company.receive(site, [(part["id"], 5) for part in company.parts])
    (other := Case(company).to_quoted().approve()).wait_for("in_repair", None)
    slip = company.admin.created("/hand-over-slips", {"work_order_id": other.id, "to_site_id": company.sites[1].id, "given_by": "x"})
    for actions, site in ((["receive"], company.sites[1]), (["send-back", "receive"], company.sites[0])):
        assert reconcile(own, wait=20) == (0, [])
        for action in actions:
            assert company.admin.call("POST", f"/hand-over-slips/{slip['id']}/{action}", {"received_by" if action == "receive" else "given_by": "x"}).ok
        eventually(lambda site=site: {item["site_id"] for item in company.admin.get("/requisitions", work_order_id=other.id)["items"]} == {site.id}, "it is followed")
    assert reconcile(own, wait=20) == (0, [])


def test_no_offence_is_forgotten(case: Case):
    assert offences(case).keys() == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_offence_is_named(own: RunningSuite, case: Case, name: str):
    planted = offences(case)[name]
    change(own, planted.service, planted.commit)
    try:
        code, found = reconcile(own)
    finally:
        change(own, planted.service, planted.undo)
    assert code == 1
    named = [f"{offender['document']}: {offender['detail']}" for offender in found if offender["invariant"] == planted.invariant]
    assert any(planted.names in text for text in named), (planted.names, found)


def test_an_order_that_nobody_follows_up_is_named(own: RunningSuite, case: Case):
    """Not solved, the customer says: the order waits for its follow-up, which must be there."""
    other = Case(case.company, quantities=()).to_ready().pay().hand_over().revisit(solved=False)
    assert reconcile(own, wait=20) == (0, [])
    aside = str(uuid.uuid4())
    change(own, "callcenter", f"UPDATE follow_ups SET revisit_id = '{aside}' WHERE work_order_id = '{other.id}'")
    code, found = reconcile(own)
    change(own, "callcenter", f"""UPDATE follow_ups SET revisit_id = (SELECT id FROM revisits WHERE work_order_id = '{other.id}')
        WHERE revisit_id = '{aside}'""")
    assert code == 1 and [(o["invariant"], o["document"]) for o in found] == [(5, f"work order {other.order['number']}")]


def test_an_account_that_outlives_its_customer_is_named(own: RunningSuite, case: Case):
    """G-10, C-04: somebody was erased, and who signs in as him is not."""
    party = case.company.party("customer", customer_id=case.customer["id"])
    case.company.outsider(party)
    planted = offences(case)["still named"]
    change(own, planted.service, planted.commit)
    try:
        found = reconcile(own)[1]
    finally:
        change(own, planted.service, planted.undo)
    assert [one["detail"] for one in found if one["document"] == f"party {party['id']}"], found


@pytest.fixture(scope="module")
def taken_back(own: RunningSuite, case: Case) -> Case:
    """A case that was un-audited and billed again, to the maker."""
    second = Case(case.company).walk()
    boss = own.client()
    assert boss.call("POST", f"/work-orders/{second.id}/unaudit", {"reason": "x"}).ok
    second.act("manager", "rebill", {"charged_to": "maker"})
    eventually(lambda: boss.get(f"/work-orders/{second.id}")["state"] == "revisited", "settled again", 30)
    return second


TAKEN_BACK = {
    "not reversed": (1, "UPDATE bills SET state = 'settled' WHERE id = '{bill}'",
                     "UPDATE bills SET state = 'reversed' WHERE id = '{bill}'", "{number}"),
    "no reversal": (4, "UPDATE bill_reversals SET bill_id = work_order_id WHERE bill_id = '{bill}'",
                    "UPDATE bill_reversals SET bill_id = '{bill}' WHERE bill_id = work_order_id", "{number}"),
    "reversed by another sum": (4, "UPDATE bill_reversals SET credited = credited - 1 WHERE bill_id = '{bill}'",
                                "UPDATE bill_reversals SET credited = credited + 1 WHERE bill_id = '{bill}'", "{number}"),
    "credit": (4, "UPDATE open_items SET open_amount = open_amount - 1 WHERE side = 'payable' AND work_order_id = '{order}'",
               "UPDATE open_items SET open_amount = open_amount + 1 WHERE side = 'payable' AND work_order_id = '{order}'", "of customer for RV"),
    "tax left behind": (4, """UPDATE ledger_entries SET account = 'revenue_labour' WHERE account = 'output_tax' AND posting_id =
        (SELECT id FROM ledger_postings WHERE source = 'reversal' AND bill_id = '{bill}')""",
        """UPDATE ledger_entries SET account = 'output_tax' WHERE account = 'revenue_labour' AND amount = 24.71 AND posting_id =
        (SELECT id FROM ledger_postings WHERE source = 'reversal' AND bill_id = '{bill}')""", "leaves"),
}


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_each_offence_of_a_reversal_is_named(own: RunningSuite, taken_back: Case, name: str):
    assert reconcile(own, wait=20) == (0, []), "sound before"
    invariant, *texts = TAKEN_BACK[name]
    bill = {"bill": taken_back.bill["id"], "order": taken_back.id, "number": taken_back.bill["number"]}
    commit, undo, names = (text.format(**bill) for text in texts)
    change(own, "finance", commit)
    try:
        code, found = reconcile(own)
    finally:
        change(own, "finance", undo)
    assert code == 1
    named = [f"{offender['document']}: {offender['detail']}" for offender in found if offender["invariant"] == invariant]
    assert any(names in text for text in named), (names, found)


def test_what_is_put_right_meanwhile_does_not_count(own: RunningSuite, case: Case):
    import threading
    import time

    planted = offences(case)["copy"]
    change(own, planted.service, planted.commit)
    mender = threading.Thread(target=lambda: (time.sleep(3), change(own, planted.service, planted.undo)))
    mender.start()
    assert reconcile(own, wait=30) == (0, [])
    mender.join()


def test_lines_for_people(own: RunningSuite, case: Case):
    planted = offences(case)["stock"]
    change(own, planted.service, planted.commit)
    try:
        told = own.run("reconcile", "--wait", "0")
    finally:
        change(own, planted.service, planted.undo)
    assert told.returncode == 1
    assert "3. stock is the sum of its movements: 1 offend" in told.stdout
    assert planted.names in told.stdout


def test_could_not_check(tmp_path: Path, own: RunningSuite):
    from tests.support.suites import aftersales

    assert aftersales("reconcile", "--data", str(tmp_path / "nothing")).returncode == 2


def test_with_the_suite_down(own: RunningSuite, case: Case):
    """Last: the suite is stopped, reconcile starts the databases for itself."""
    assert own.stop() == 0
    assert reconcile(own, wait=30) == (0, [])
    own.start()
    assert reconcile(own, wait=20) == (0, [])
