"""Who pays a bill (F-06): shares of several payers, each with an open item of his own."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg2.errors as refused
import pytest

from chassis.messaging.inbox import Outcome
from tests.integration.finance.conftest import Site
from tests.integration.finance.shared import POSITIONS, TAX, WHOLE, items, party, price, priced, shared
from tests.integration.finance.test_ledger import as_application
from tests.support.orders_events import WORKED, billing
from tests.support.serving import Served


def test_a_bill_shared_by_customer_maker_and_insurer(api: Served, site: Site) -> None:
    insurer, maker = party(api, term_days=30), party(api, "maker")
    bill = site.bill(billing=shared(insurer["id"], maker["id"]))
    assert (bill["net_total"], bill["tax_total"], bill["total"]) == ("165.10", "19.52", "184.62")
    assert (bill["customer_total"], bill["maker_total"], bill["open_amount"], bill["state"]) == ("42.29", "92.33", "42.29", "open")
    assert [line["tax_rate"] for line in bill["lines"]] == [0.13, 0.09, 0.06]
    assert [[step["rule"] for step in line["steps"]] for line in bill["lines"]] == [["list_price", "discount", "discount"], *[["list_price", "discount"]] * 2]
    parties = {"insurer": insurer["id"], "maker": maker["id"], "customer": bill["customer_id"]}
    assert {(share["payer"], share["party_id"], share["amount"], share["open_amount"]) for share in bill["shares"]} == {
        (payer, parties[payer], amount, amount) for payer, amount in (("customer", "42.29"), ("maker", "92.33"), ("insurer", "50.00"))}  # fmt: skip
    owed = items(api, bill)
    assert {payer: (item["amount"], item["account"], item["side"]) for payer, item in owed.items()} == {
        "customer": ("42.29", "receivable_customers", "receivable"), "maker": ("92.33", "receivable_makers", "receivable"),
        "insurer": ("50.00", "receivable_insurers", "receivable"),
    }
    assert owed["insurer"]["due_on"] > owed["insurer"]["issued_on"] == owed["customer"]["due_on"]
    entries = api.call("GET", "/ledger-entries", source_id=bill["id"]).json()["items"]
    assert {(entry["account"], entry["party_id"]): entry["amount"] for entry in entries} == {
        ("receivable_customers", bill["customer_id"]): "42.29", ("receivable_makers", maker["id"]): "92.33",
        ("receivable_insurers", insurer["id"]): "50.00", ("revenue_labour", None): "-127.29", ("revenue_parts", None): "-37.81",
        ("output_tax", None): "-19.52",
    }  # fmt: skip
    assert api.call("GET", f"/counterparties/{insurer['id']}").json()["balances"] == [{"account": "receivable_insurers", "balance": "50.00"}]


def test_what_the_company_bears_itself_nobody_owes(api: Served, site: Site) -> None:
    content: Any = priced(1, price(POSITIONS, TAX, WHOLE), [{"payer": "goodwill", "party_id": None, "percent": 100}], "customer")
    bill = site.bill(billing=dict(content))
    assert (bill["state"], bill["open_amount"], items(api, bill)) == ("settled", "0.00", {})
    [share] = bill["shares"]
    assert (share["payer"], share["amount"], share["open_amount"], share["open_item_id"]) == ("goodwill", "184.62", "0.00", None)
    entries = api.call("GET", "/ledger-entries", source_id=bill["id"], account="cost_goodwill").json()["items"]
    assert [entry["amount"] for entry in entries] == ["184.62"]


def test_an_unknown_payer_is_not_billed(api: Served, site: Site) -> None:
    """A newer release may name one that this one cannot post."""
    data = site.ready(billing=shared(party(api)["id"], party(api, "maker")["id"]))
    for line in data["billing"]["lines"]:
        line["shares"] = [{**share, "payer": "stranger" if share["payer"] == "insurer" else share["payer"]} for share in line["shares"]]
    assert site.tell(data) is Outcome.RETRY
    assert api.call("GET", "/bills", work_order_id=data["id"]).json()["items"] == []
    api.rows("UPDATE inbox SET state = 'parked' WHERE state = 'retry' RETURNING 1")




# -- the database ------------------------------------------------------------------------------------------------------
ITEM = """INSERT INTO open_items (id, side, payer, party_id, account, document_type, document_id, reference, site_id, currency, issued_on, due_on, amount,
    open_amount, org_path, version, created_at, created_by, updated_at, updated_by) SELECT gen_random_uuid(), 'receivable', '{payer}', NULL, 'receivable_{payer}s',
    'bill', id, number, site_id, 'CNY', issued_on, issued_on, 5, 5, org_path, 1, now(), 'x', now(), 'x' FROM bills WHERE id = '{bill}'"""
ALLOCATION = """INSERT INTO allocations (id, open_item_id, document_type, document_id, "on", amount, org_path)
    SELECT gen_random_uuid(), id, '{kind}', '{document}', issued_on, {amount}, org_path FROM open_items WHERE document_id = '{bill}'"""
LINE = """INSERT INTO bill_lines (id, bill_id, position, kind, description, quantity, unit_price, steps, net, tax, total, shares, org_path)
    SELECT gen_random_uuid(), id, 99, 'part', 'x', 1, 5, '[{{"rule":"list_price","amount":"5.00"}}]', 5, 0, 5, '[{{"payer":"customer","net":"{net}","tax":"0","amount":"5"}}]',
    org_path FROM bills WHERE id = '{bill}'"""


@pytest.mark.parametrize("statements", [
    (ITEM.format(payer="maker", bill="{bill}"),),
    (ALLOCATION.format(kind="memo", document=uuid.uuid4(), amount=1, bill="{bill}"),),
    (ALLOCATION.format(kind="memo", document=uuid.uuid4(), amount=1, bill="{bill}"), "UPDATE open_items SET open_amount = open_amount - 1 WHERE document_id = '{bill}'"),
    ("UPDATE open_items SET open_amount = 0 WHERE document_id = '{bill}'",),
    ("UPDATE open_items SET open_amount = 0 WHERE document_id = '{bill}'", "UPDATE bills SET open_amount = 0, state = 'settled' WHERE id = '{bill}'"),
    ("UPDATE bills SET open_amount = 0, state = 'settled' WHERE id = '{bill}'",),
    (LINE.format(net="4.99", bill="{bill}"),),
    ("UPDATE bills SET state = 'reversed', open_amount = 0 WHERE id = '{bill}'",),
], ids=["an item nobody posted", "a settlement by nothing", "and told", "open by hand", "and on the bill", "the bill alone", "a share that is not the line",
        "reversed by nothing"])  # fmt: skip
def test_direct_sql_leaves_nothing_that_does_not_agree(api: Served, site: Site, statements: tuple[str, ...]) -> None:
    bill = site.bill(billing=billing(*WORKED))
    with pytest.raises((refused.CheckViolation, refused.InsufficientPrivilege)), as_application(api) as cursor:
        for statement in statements:
            cursor.execute(statement.replace("{bill}", bill["id"]))
    assert api.call("GET", f"/bills/{bill['id']}").json() == bill


@pytest.mark.parametrize("statement", [
    "UPDATE account_balances SET amount = 0", "DELETE FROM party_balances", "UPDATE open_items SET amount = 1", "DELETE FROM open_items",
    "UPDATE allocations SET amount = 1", "DELETE FROM allocations", "UPDATE payments SET amount = 1", "UPDATE counterparties SET kind = 'maker'",
    "INSERT INTO account_balances SELECT * FROM account_balances", "UPDATE bill_lines SET shares = '[]'", "UPDATE accounts SET code = 'x'",
])  # fmt: skip
def test_the_application_may_not(api: Served, site: Site, statement: str) -> None:
    site.bill(billing=billing(*WORKED))
    with pytest.raises(refused.InsufficientPrivilege), as_application(api) as cursor:
        cursor.execute(statement)
