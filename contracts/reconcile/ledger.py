"""4. Every posting sums to zero; what is open is what documents opened less what others settled, party by party as the ledger has it; bills
add up to their lines and shares; money accounts equal payments less refunds; a reversal takes back exactly its bill, and balances are
what was posted."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources

UNBALANCED = """SELECT p.id::text, p.reference, coalesce(sum(e.amount), 0), count(e.id), p.entry_count, p.source_id::text
    FROM ledger_postings p LEFT JOIN ledger_entries e ON e.posting_id = p.id GROUP BY p.id
    HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.id) <> p.entry_count"""
ORPHANS = """SELECT e.id::text, e.amount FROM ledger_entries e LEFT JOIN ledger_postings p ON p.id = e.posting_id
    WHERE p.id IS NULL"""
# Open items = ledger, for each account that has them and each party; documents one by one below.
PARTIES = """SELECT coalesce(i.account, e.account), coalesce(i.party_id, e.party_id)::text, coalesce(i.amount, 0), coalesce(e.amount, 0)
    FROM (SELECT account, party_id, sum(CASE side WHEN 'receivable' THEN open_amount ELSE -open_amount END) AS amount
          FROM open_items GROUP BY 1, 2) i
    FULL JOIN (SELECT e.account, e.party_id, sum(e.amount) AS amount FROM ledger_entries e JOIN accounts a ON a.code = e.account AND a.control
               GROUP BY 1, 2) e ON e.account = i.account AND e.party_id IS NOT DISTINCT FROM i.party_id
    WHERE coalesce(i.amount, 0) <> coalesce(e.amount, 0)"""
DOCUMENTS = """SELECT kind, document::text, account, sum(posted), sum(opened) FROM (
        SELECT p.source AS kind, p.source_id AS document, e.account, e.party_id, e.amount AS posted, 0 AS opened
        FROM ledger_postings p JOIN ledger_entries e ON e.posting_id = p.id JOIN accounts a ON a.code = e.account AND a.control
        UNION ALL SELECT document_type, document_id, account, party_id, 0, CASE side WHEN 'receivable' THEN amount ELSE -amount END FROM open_items
        UNION ALL SELECT a.document_type, a.document_id, i.account, i.party_id, 0, CASE i.side WHEN 'receivable' THEN -a.amount ELSE a.amount END
        FROM allocations a JOIN open_items i ON i.id = a.open_item_id) moved
    GROUP BY kind, document, account, party_id HAVING sum(posted) <> sum(opened)"""
ITEMS = """SELECT i.id::text, i.reference, i.payer, i.amount, i.open_amount, coalesce(a.amount, 0), i.document_id::text
    FROM open_items i LEFT JOIN (SELECT open_item_id, sum(amount) AS amount FROM allocations GROUP BY 1) a ON a.open_item_id = i.id
    WHERE i.amount - coalesce(a.amount, 0) <> i.open_amount OR i.open_amount NOT BETWEEN 0 AND i.amount"""
STRANGERS = """SELECT DISTINCT i.party_id::text, i.payer FROM open_items i LEFT JOIN parties p ON p.id = i.party_id
    WHERE i.party_id IS NOT NULL AND (p.id IS NULL OR p.kind <> i.payer)"""
LINES = """SELECT b.id::text, b.number, l.position, l.net, l.tax, l.total, sum_of(l.steps, 'amount'), sum_of(l.shares, 'net'), sum_of(l.shares, 'tax')
    FROM bill_lines l JOIN bills b ON b.id = l.bill_id WHERE sum_of(l.steps, 'amount') <> l.net OR sum_of(l.shares, 'net') <> l.net
      OR sum_of(l.shares, 'tax') <> l.tax OR sum_of(l.shares, 'amount') <> l.total OR l.total <> l.net + l.tax"""
SHARES = """SELECT b.id::text, b.number, coalesce(s.payer, i.payer), coalesce(s.amount, 0), coalesce(i.amount, 0)
    FROM (SELECT l.bill_id, s.payer, s.party_id, sum(s.amount) AS amount FROM bill_lines l,
            jsonb_to_recordset(l.shares) AS s (payer text, party_id uuid, amount numeric) GROUP BY 1, 2, 3) s
    FULL JOIN (SELECT document_id, payer, party_id, amount FROM open_items WHERE document_type = 'bill' AND side = 'receivable') i
      ON i.document_id = s.bill_id AND i.payer = s.payer AND i.party_id IS NOT DISTINCT FROM s.party_id
    LEFT JOIN accounts a ON a.payer = s.payer AND NOT a.control
    JOIN bills b ON b.id = coalesce(s.bill_id, i.document_id)
    WHERE coalesce(s.amount, 0) <> coalesce(i.amount, 0) AND a.id IS NULL"""
TOTALS = """SELECT b.id::text, b.number, b.total, coalesce(l.total, 0), b.customer_total, b.maker_total, b.open_amount, coalesce(i.open_amount, 0)
    FROM bills b
    LEFT JOIN (SELECT bill_id, sum(net) AS net, sum(tax) AS tax, sum(total) AS total FROM bill_lines GROUP BY 1) l ON l.bill_id = b.id
    LEFT JOIN (SELECT l.bill_id, sum(s.amount) FILTER (WHERE s.payer = 'customer') AS customer, sum(s.amount) FILTER (WHERE s.payer = 'maker') AS maker
               FROM bill_lines l, jsonb_to_recordset(l.shares) AS s (payer text, amount numeric) GROUP BY 1) s ON s.bill_id = b.id
    LEFT JOIN (SELECT document_id, sum(open_amount) AS open_amount FROM open_items
               WHERE document_type = 'bill' AND side = 'receivable' AND payer = 'customer' GROUP BY 1) i ON i.document_id = b.id
    WHERE (b.net_total, b.tax_total, b.total) <> (coalesce(l.net, 0), coalesce(l.tax, 0), coalesce(l.total, 0))
      OR b.customer_total <> coalesce(s.customer, 0) OR b.maker_total <> coalesce(s.maker, 0) OR b.open_amount <> coalesce(i.open_amount, 0)"""
MONEY_OF = """SELECT d.id::text, d.number, d.amount, coalesce(sum(e.amount), 0), d.bill_id::text
    FROM {table} d LEFT JOIN ledger_postings p ON p.source = '{source}' AND p.source_id = d.id
    LEFT JOIN ledger_entries e ON e.posting_id = p.id AND e.account = d.account_code
    GROUP BY d.id HAVING coalesce(sum(e.amount), 0) <> {sign}d.amount"""
UNDONE = """SELECT a.id::text, a.number, b.number FROM payments a FULL JOIN payments b ON b.reverses_id = a.id
    WHERE (a.reversed_by_id IS NOT NULL OR b.reverses_id IS NOT NULL) AND (a.reversed_by_id IS DISTINCT FROM b.id OR a.amount IS DISTINCT FROM -b.amount)"""
# Revenue, tax and what was borne of a reversed bill are gone, entry by entry; no bill is reversed without its document.
REVERSED = """SELECT b.id::text, b.number, e.account, sum(e.amount)
    FROM bills b JOIN ledger_postings p ON p.bill_id = b.id AND p.source IN ('bill', 'reversal')
    JOIN ledger_entries e ON e.posting_id = p.id JOIN accounts a ON a.code = e.account AND NOT a.control
    WHERE b.state = 'reversed' GROUP BY b.id, e.account HAVING sum(e.amount) <> 0"""
UNDOCUMENTED = """SELECT b.id::text, b.number, b.state, r.number FROM bills b LEFT JOIN bill_reversals r ON r.bill_id = b.id
    LEFT JOIN open_items i ON i.document_type = 'reversal' AND i.document_id = r.id AND i.payer = 'customer'
    WHERE (b.state = 'reversed') <> (r.id IS NOT NULL) OR r.credited <> coalesce(i.amount, 0) OR r.maker_total <> b.maker_total"""
MONEY = """SELECT e.account, sum(e.amount) FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id JOIN accounts a ON a.code = e.account
    WHERE a.method IS NOT NULL
      AND NOT (p.source = 'payment' AND EXISTS (SELECT 1 FROM payments WHERE payments.id = p.source_id))
      AND NOT (p.source = 'refund' AND EXISTS (SELECT 1 FROM refunds WHERE refunds.id = p.source_id))
    GROUP BY e.account HAVING sum(e.amount) <> 0"""
BALANCES = """SELECT coalesce(b.account, e.account), coalesce(b.site_id, e.site_id)::text, coalesce(b.amount, 0), coalesce(e.amount, 0)
    FROM account_balances b FULL JOIN (SELECT e.account, p.site_id, sum(e.amount) AS amount FROM ledger_entries e
      JOIN ledger_postings p ON p.id = e.posting_id GROUP BY 1, 2) e USING (account, site_id)
    WHERE coalesce(b.amount, 0) <> coalesce(e.amount, 0)"""
PARTY_BALANCES = """SELECT coalesce(b.account, e.account), coalesce(b.party_id, e.party_id)::text, coalesce(b.amount, 0), coalesce(e.amount, 0)
    FROM party_balances b FULL JOIN (SELECT e.account, e.party_id, p.site_id, sum(e.amount) AS amount FROM ledger_entries e
      JOIN ledger_postings p ON p.id = e.posting_id WHERE e.party_id IS NOT NULL GROUP BY 1, 2, 3) e USING (account, party_id, site_id)
    WHERE coalesce(b.amount, 0) <> coalesce(e.amount, 0)"""


def check(sources: Sources) -> Iterator[Offender]:
    yield from _postings(sources)
    yield from _items(sources)
    yield from _bills(sources)
    yield from _money(sources)
    for account, site, kept, posted in sources.rows("finance", BALANCES):
        yield Offender(4, f"balance of account {account} at site {site}", f"is {kept}, {posted} was posted")
    for account, party, kept, posted in sources.rows("finance", PARTY_BALANCES):
        yield Offender(4, f"balance of party {party} in account {account}", f"is {kept}, {posted} was posted")


def _postings(sources: Sources) -> Iterator[Offender]:
    for id_, reference, total, entries, promised, document in sources.rows("finance", UNBALANCED):
        yield Offender(4, f"posting {id_} of {reference}", f"sums to {total} in {entries} of {promised} entries", (document,))
    for id_, amount in sources.rows("finance", ORPHANS):
        yield Offender(4, f"ledger entry {id_}", f"of {amount} belongs to no posting")


def _items(sources: Sources) -> Iterator[Offender]:
    for account, party, open_, posted in sources.rows("finance", PARTIES):
        yield Offender(4, f"account {account} of party {party or 'that nobody named'}", f"has {open_} open, in the ledger {posted}")
    for kind, document, account, posted, opened in sources.rows("finance", DOCUMENTS):
        yield Offender(4, f"{kind} {document}", f"posts {posted} to {account}, opens and settles {opened}", (document,))
    for id_, reference, payer, amount, open_, settled, document in sources.rows("finance", ITEMS):
        yield Offender(4, f"open item {id_} of {payer} for {reference}", f"{open_} open of {amount}, {settled} settled", (document,))
    for party, payer in sources.rows("finance", STRANGERS):
        yield Offender(4, f"party {party}", f"owes as {payer} and is no such party")


def _bills(sources: Sources) -> Iterator[Offender]:
    for id_, number, position, net, tax, total, steps, of_net, of_tax in sources.rows("finance", LINES):
        detail = f"is {net} and {tax}, {total} in all; its steps come to {steps}, its shares to {of_net} and {of_tax}"
        yield Offender(4, f"line {position} of bill {number}", detail, (id_,))
    for id_, number, payer, shared, owed in sources.rows("finance", SHARES):
        yield Offender(4, f"bill {number}", f"{payer} pays {shared} of its lines and owes {owed}", (id_,))
    for id_, number, total, lines, customer, maker, open_, owed in sources.rows("finance", TOTALS):
        detail = f"total {total}, its lines {lines}; customer {customer}, maker {maker}; open {open_}, in its item {owed}"
        yield Offender(4, f"bill {number}", detail, (id_,))
    for id_, number, account, rest in sources.rows("finance", REVERSED):
        yield Offender(4, f"bill {number}", f"is reversed but leaves {rest} in {account}", (id_,))
    for id_, number, state, reversal in sources.rows("finance", UNDOCUMENTED):
        yield Offender(4, f"bill {number}", f"is {state} and does not agree with its reversal {reversal or 'that is missing'}", (id_,))


def _money(sources: Sources) -> Iterator[Offender]:
    for table, source, sign in (("payments", "payment", ""), ("refunds", "refund", "-")):
        for id_, number, amount, posted, bill in sources.rows("finance", MONEY_OF.format(table=table, source=source, sign=sign)):
            yield Offender(4, f"{source} {number}", f"of {amount} stands in its money account with {posted}", (id_, bill or ""))
    for account, amount in sources.rows("finance", MONEY):
        yield Offender(4, f"account {account}", f"holds {amount} that no payment or refund explains")
    for id_, number, other in sources.rows("finance", UNDONE):
        yield Offender(4, f"payment {number or other}", f"does not agree with {(other if number else None) or 'one that is missing'}", (id_ or "",))
