"""4. Every posting sums to zero; receivables equal what bills say is open; money accounts equal payments less refunds; a
reversal takes back exactly its bill, and customers' credit is what reversals gave less what bills and refunds took."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources

UNBALANCED = """SELECT p.id::text, p.reference, coalesce(sum(e.amount), 0), count(e.id), p.entry_count, p.bill_id::text
    FROM ledger_postings p LEFT JOIN ledger_entries e ON e.posting_id = p.id GROUP BY p.id
    HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.id) <> p.entry_count"""
ORPHANS = """SELECT e.id::text, e.amount FROM ledger_entries e LEFT JOIN ledger_postings p ON p.id = e.posting_id
    WHERE p.id IS NULL"""
RECEIVABLES = """SELECT b.id::text, b.number, b.open_amount, b.maker_total, b.customer_total,
      coalesce(l.customers, 0), coalesce(l.makers, 0), coalesce(paid.amount, 0) + coalesce(used.amount, 0)
    FROM bills b
    LEFT JOIN (SELECT p.bill_id, sum(e.amount) FILTER (WHERE e.account = 'receivable_customers') AS customers,
                 sum(e.amount) FILTER (WHERE e.account = 'receivable_makers') AS makers
               FROM ledger_postings p JOIN ledger_entries e ON e.posting_id = p.id GROUP BY p.bill_id) l ON l.bill_id = b.id
    LEFT JOIN (SELECT bill_id, sum(amount) AS amount FROM payments GROUP BY bill_id) paid ON paid.bill_id = b.id
    LEFT JOIN credit_allocations used ON used.bill_id = b.id
    WHERE b.open_amount <> coalesce(l.customers, 0)
      OR CASE b.state WHEN 'reversed' THEN 0 ELSE b.maker_total END <> coalesce(l.makers, 0)
      OR b.customer_total - coalesce(paid.amount, 0) - coalesce(used.amount, 0) <> b.open_amount"""
PAYMENTS = """SELECT pay.id::text, pay.number, pay.amount, coalesce(sum(e.amount), 0), pay.bill_id::text
    FROM payments pay
    LEFT JOIN ledger_postings p ON p.source = 'payment' AND p.source_id = pay.id
    LEFT JOIN ledger_entries e ON e.posting_id = p.id AND e.account = CASE pay.method WHEN 'cash' THEN 'cash'
      WHEN 'bank' THEN 'bank' WHEN 'card' THEN 'card_clearing' ELSE 'online_clearing' END
    GROUP BY pay.id HAVING coalesce(sum(e.amount), 0) <> pay.amount"""
REFUNDS = """SELECT r.id::text, r.number, r.amount, coalesce(sum(e.amount), 0), r.bill_id::text
    FROM refunds r
    LEFT JOIN ledger_postings p ON p.source = 'refund' AND p.source_id = r.id
    LEFT JOIN ledger_entries e ON e.posting_id = p.id AND e.account = CASE r.method WHEN 'cash' THEN 'cash'
      WHEN 'bank' THEN 'bank' WHEN 'card' THEN 'card_clearing' ELSE 'online_clearing' END
    GROUP BY r.id HAVING coalesce(sum(e.amount), 0) <> -r.amount"""
# Revenue, tax and the maker's debt of a reversed bill are gone, entry by entry; no bill is reversed without its document.
REVERSED = """SELECT b.id::text, b.number, e.account, sum(e.amount)
    FROM bills b JOIN ledger_postings p ON p.bill_id = b.id AND p.source IN ('bill', 'reversal')
    JOIN ledger_entries e ON e.posting_id = p.id
    WHERE b.state = 'reversed' AND e.account NOT IN ('receivable_customers', 'customer_credits')
    GROUP BY b.id, e.account HAVING sum(e.amount) <> 0"""
UNDOCUMENTED = """SELECT b.id::text, b.number, b.state, r.number FROM bills b LEFT JOIN bill_reversals r ON r.bill_id = b.id
    WHERE (b.state = 'reversed') <> (r.id IS NOT NULL) OR r.credited <> b.customer_total OR r.maker_total <> b.maker_total"""
CREDITS = """SELECT w.id::text, coalesce(c.balance, 0), w.due, coalesce(l.posted, 0) FROM
    (SELECT id, sum(amount) AS due FROM (
        SELECT work_order_id AS id, credited AS amount FROM bill_reversals
        UNION ALL SELECT work_order_id, -amount FROM credit_allocations
        UNION ALL SELECT work_order_id, -amount FROM refunds
        UNION ALL SELECT work_order_id, 0 FROM credits) moved GROUP BY id) w
    LEFT JOIN credits c ON c.work_order_id = w.id
    LEFT JOIN (SELECT p.work_order_id AS id, -sum(e.amount) AS posted FROM ledger_postings p
               JOIN ledger_entries e ON e.posting_id = p.id AND e.account = 'customer_credits' GROUP BY 1) l ON l.id = w.id
    WHERE coalesce(c.balance, 0) <> w.due OR w.due <> coalesce(l.posted, 0)"""
MONEY = """SELECT e.account, sum(e.amount) FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id
    WHERE e.account IN ('cash', 'bank', 'card_clearing', 'online_clearing')
      AND NOT (p.source = 'payment' AND EXISTS (SELECT 1 FROM payments WHERE payments.id = p.source_id))
      AND NOT (p.source = 'refund' AND EXISTS (SELECT 1 FROM refunds WHERE refunds.id = p.source_id))
    GROUP BY e.account HAVING sum(e.amount) <> 0"""


def check(sources: Sources) -> Iterator[Offender]:
    for id_, reference, total, entries, promised, bill in sources.rows("finance", UNBALANCED):
        yield Offender(4, f"posting {id_} of {reference}", f"sums to {total} in {entries} of {promised} entries", (bill,))
    for id_, amount in sources.rows("finance", ORPHANS):
        yield Offender(4, f"ledger entry {id_}", f"of {amount} belongs to no posting")
    for id_, number, open_, maker, customer, customers, makers, paid in sources.rows("finance", RECEIVABLES):
        detail = (
            f"open {open_} of {customer} after payments of {paid}, in the ledger {customers}; the maker owes {maker}, in the "
            f"ledger {makers}"
        )
        yield Offender(4, f"bill {number}", detail, (id_,))
    for id_, number, amount, posted, bill in sources.rows("finance", PAYMENTS):
        yield Offender(4, f"payment {number}", f"of {amount} stands in its money account with {posted}", (id_, bill))
    for account, amount in sources.rows("finance", MONEY):
        yield Offender(4, f"account {account}", f"holds {amount} that no payment or refund explains")
    for id_, number, amount, posted, bill in sources.rows("finance", REFUNDS):
        yield Offender(4, f"refund {number}", f"of {amount} stands in its money account with {posted}", (id_, bill))
    for id_, number, account, rest in sources.rows("finance", REVERSED):
        yield Offender(4, f"bill {number}", f"is reversed but leaves {rest} in {account}", (id_,))
    for id_, number, state, reversal in sources.rows("finance", UNDOCUMENTED):
        yield Offender(4, f"bill {number}", f"is {state} and does not agree with its reversal {reversal or 'that is missing'}", (id_,))
    for id_, said, due, posted in sources.rows("finance", CREDITS):
        detail = f"is {said}, {due} by its documents, {posted} in the ledger"
        yield Offender(4, f"credit of work order {id_}", detail, (id_,))
