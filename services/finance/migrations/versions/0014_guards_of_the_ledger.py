"""The database holds documents, open items, allocations, ledger and balances together, whatever the application sends it.

Each guard looks at what one document did, by index, so that a transaction costs the same however much a site has posted. They run as the owner
and under the scope of all: a caller who narrows his scope before committing hides nothing from them.
"""

from alembic import op

revision = "0014"
down_revision = "0013"

# Plans are made for a table of any size: one made while it was small would read all of it once it is large.
HEAD = """CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    scope text := coalesce(current_setting('app.scope', true), '');
    {declared}
BEGIN
    PERFORM set_config('app.scope', '/', true);
    {body}
    PERFORM set_config('app.scope', scope, true);
    RETURN NULL;
END $$"""

# A posting is whole and sums to zero; balances follow it. Sites post one after the other, so that balances are locked in one order.
POSTED = (
    "written integer; total numeric;",
    """SELECT count(*), coalesce(sum(amount), 0) INTO written, total FROM ledger_entries WHERE posting_id = NEW.id;
    IF written <> NEW.entry_count OR total <> 0 THEN
        RAISE EXCEPTION 'posting % has % of % entries, which sum to %', NEW.id, written, NEW.entry_count, total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_ledger_postings_balanced', TABLE = 'ledger_postings';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('balances ' || NEW.site_id, 0));
    INSERT INTO account_balances AS b (account, site_id, org_path, amount)
        SELECT account, NEW.site_id, NEW.org_path, sum(amount) FROM ledger_entries WHERE posting_id = NEW.id GROUP BY account
        ON CONFLICT (account, site_id) DO UPDATE SET amount = b.amount + excluded.amount;
    INSERT INTO party_balances AS b (party_id, account, site_id, org_path, amount)
        SELECT party_id, account, NEW.site_id, NEW.org_path, sum(amount) FROM ledger_entries
        WHERE posting_id = NEW.id AND party_id IS NOT NULL GROUP BY party_id, account
        ON CONFLICT (party_id, account, site_id) DO UPDATE SET amount = b.amount + excluded.amount;""",
)
# The places of a committed posting are all taken, so nothing is slipped into it later.
PLACED = (
    "places integer;",
    """SELECT entry_count INTO places FROM ledger_postings WHERE id = NEW.posting_id;
    IF NEW.position NOT BETWEEN 1 AND places THEN
        RAISE EXCEPTION 'posting % has % entries, this is number %', NEW.posting_id, places, NEW.position
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_ledger_postings_balanced', TABLE = 'ledger_entries';
    END IF;""",
)
# What a document posts to accounts with open items is what it opens and settles, party by party.
AGREES = (
    "kind text; document uuid; off record;",
    """IF TG_TABLE_NAME = 'ledger_postings' THEN
        kind := to_jsonb(NEW) ->> 'source'; document := (to_jsonb(NEW) ->> 'source_id')::uuid;
    ELSE
        kind := to_jsonb(NEW) ->> 'document_type'; document := (to_jsonb(NEW) ->> 'document_id')::uuid;
    END IF;
    SELECT account, party_id, sum(amount) AS amount INTO off FROM (
        SELECT e.account, e.party_id, e.amount FROM ledger_postings p JOIN ledger_entries e ON e.posting_id = p.id
            WHERE p.source = kind AND p.source_id = document AND e.account = ANY (SELECT code FROM accounts WHERE control)
        UNION ALL SELECT account, party_id, CASE side WHEN 'receivable' THEN -amount ELSE amount END
            FROM open_items WHERE document_id = document AND document_type = kind
        UNION ALL SELECT i.account, i.party_id, CASE i.side WHEN 'receivable' THEN a.amount ELSE -a.amount END
            FROM allocations a JOIN open_items i ON i.id = a.open_item_id WHERE a.document_id = document AND a.document_type = kind
    ) moved GROUP BY account, party_id HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% % posts % more to % than it opens and settles', kind, document, off.amount, off.account
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_open_items_posted', TABLE = 'open_items';
    END IF;""",
)
# What is open of an item is its amount less its allocations; a bill shows what is open of its customer's.
SETTLED = (
    "item uuid := CASE TG_TABLE_NAME WHEN 'open_items' THEN (to_jsonb(NEW) ->> 'id')::uuid ELSE (to_jsonb(NEW) ->> 'open_item_id')::uuid END; off numeric;",
    """SELECT i.open_amount - i.amount + coalesce((SELECT sum(amount) FROM allocations WHERE open_item_id = i.id), 0) INTO off
        FROM open_items i WHERE i.id = item;
    IF off <> 0 THEN
        RAISE EXCEPTION 'open item % is off by % from its allocations', item, off
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_open_items_settled', TABLE = 'open_items';
    END IF;""",
)
COVERED = (
    "bill uuid := CASE TG_TABLE_NAME WHEN 'bills' THEN (to_jsonb(NEW) ->> 'id')::uuid ELSE (to_jsonb(NEW) ->> 'document_id')::uuid END; off numeric;",
    """SELECT b.open_amount - coalesce((SELECT sum(i.open_amount) FROM open_items i
            WHERE i.document_id = b.id AND i.document_type = 'bill' AND i.side = 'receivable' AND i.payer = 'customer'), 0) INTO off
        FROM bills b WHERE b.id = bill;
    IF off <> 0 THEN
        RAISE EXCEPTION 'bill % shows % more open than its customer owes', bill, off
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bills_covered', TABLE = 'bills';
    END IF;""",
)
# Lines, totals and what each party owes for a bill are one sum; a reversed bill has its document, a document its reversed bill.
SHARED = (
    "off record;",
    """SELECT payer, party_id, sum(amount) AS amount INTO off FROM (
        SELECT s.payer, s.party_id, s.amount FROM bill_lines l, jsonb_to_recordset(l.shares) AS s (payer text, party_id uuid, amount numeric)
            WHERE l.bill_id = NEW.id
        UNION ALL SELECT i.payer, i.party_id, -i.amount FROM open_items i
            WHERE i.document_id = NEW.id AND i.document_type = 'bill' AND i.side = 'receivable'
    ) paid WHERE payer IN (SELECT a.payer FROM accounts a WHERE a.control) GROUP BY payer, party_id HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND OR (NEW.net_total, NEW.tax_total, NEW.total) <>
        (SELECT coalesce(sum(net), 0), coalesce(sum(tax), 0), coalesce(sum(total), 0) FROM bill_lines WHERE bill_id = NEW.id) THEN
        RAISE EXCEPTION 'bill % does not add up to its lines and what is owed for it (% of %)', NEW.id, off.amount, off.payer
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bills_shared', TABLE = 'bills';
    END IF;""",
)
REVERSED = (
    "bill uuid := CASE TG_TABLE_NAME WHEN 'bills' THEN (to_jsonb(NEW) ->> 'id')::uuid ELSE (to_jsonb(NEW) ->> 'bill_id')::uuid END; agree boolean;",
    """SELECT (b.state = 'reversed') = (r.id IS NOT NULL) AND (r.id IS NULL OR (r.credited = coalesce(i.amount, 0) AND r.maker_total = b.maker_total)) INTO agree
        FROM bills b LEFT JOIN bill_reversals r ON r.bill_id = b.id
            LEFT JOIN open_items i ON i.document_id = r.id AND i.document_type = 'reversal' AND i.payer = 'customer' WHERE b.id = bill;
    IF NOT agree THEN
        RAISE EXCEPTION 'bill % and its reversal do not agree', bill
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bills_reversed', TABLE = 'bills';
    END IF;""",
)
# A payment or refund is posted whole to its account, what it settles comes to it; who takes one back says so.
PAID = (
    "posted numeric; settled numeric; sign integer := CASE TG_TABLE_NAME WHEN 'payments' THEN 1 ELSE -1 END; kind text := rtrim(TG_TABLE_NAME, 's');",
    """SELECT coalesce(sum(e.amount), 0) INTO posted FROM ledger_postings p JOIN ledger_entries e ON e.posting_id = p.id
        WHERE p.source = kind AND p.source_id = NEW.id AND e.account = NEW.account_code;
    SELECT coalesce(sum(amount), 0) INTO settled FROM allocations WHERE document_id = NEW.id AND document_type = kind;
    IF posted <> sign * NEW.amount OR settled <> NEW.amount THEN
        RAISE EXCEPTION '% % of % is posted with %, settles %', kind, NEW.id, NEW.amount, posted, settled
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_payments_posted', TABLE = TG_TABLE_NAME;
    END IF;""",
)
TAKEN_BACK = (
    "agree boolean;",
    """SELECT NEW.reversed_by_id IS NULL OR EXISTS (SELECT FROM payments WHERE id = NEW.reversed_by_id AND reverses_id = NEW.id AND amount = -NEW.amount)
        INTO agree;
    IF NEW.reverses_id IS NOT NULL THEN
        agree := agree AND EXISTS (SELECT FROM payments WHERE id = NEW.reverses_id AND reversed_by_id = NEW.id AND amount = -NEW.amount);
    END IF;
    IF NOT agree THEN
        RAISE EXCEPTION 'payment % and what takes it back do not agree', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_payments_reversed', TABLE = 'payments';
    END IF;""",
)
FUNCTIONS = {
    "ledger_posted": POSTED, "ledger_placed": PLACED, "document_agrees": AGREES, "item_settled": SETTLED, "bill_covered": COVERED, "bill_shared": SHARED,
    "bill_reversed": REVERSED, "payment_posted": PAID, "payment_reversed": TAKEN_BACK,
}  # fmt: skip
# (table, name, when, function, condition)
TRIGGERS = (
    ("ledger_postings", "posted", "INSERT", "ledger_posted", ""),
    ("ledger_postings", "agrees", "INSERT", "document_agrees", ""),
    ("open_items", "agrees", "INSERT", "document_agrees", ""),
    ("allocations", "agrees", "INSERT", "document_agrees", ""),
    ("open_items", "settled", "INSERT OR UPDATE OF open_amount", "item_settled", ""),
    ("allocations", "settled", "INSERT", "item_settled", ""),
    ("bills", "covered", "INSERT OR UPDATE OF open_amount", "bill_covered", ""),
    ("open_items", "covered", "INSERT OR UPDATE OF open_amount", "bill_covered", "WHEN (NEW.document_type = 'bill' AND NEW.payer = 'customer')"),
    ("bills", "shared", "INSERT", "bill_shared", ""),
    ("bills", "reversed", "INSERT OR UPDATE OF state", "bill_reversed", "WHEN (NEW.state = 'reversed')"),
    ("bill_reversals", "reversed", "INSERT", "bill_reversed", ""),
    ("payments", "posted", "INSERT", "payment_posted", ""),
    ("refunds", "posted", "INSERT", "payment_posted", ""),
    ("payments", "reversed", "INSERT OR UPDATE OF reversed_by_id", "payment_reversed", "WHEN (NEW.reverses_id IS NOT NULL OR NEW.reversed_by_id IS NOT NULL)"),
)
OWN = """CREATE FUNCTION account_guarded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (CASE TG_OP WHEN 'INSERT' THEN NEW.system ELSE OLD.system END) AND
        current_user <> (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RAISE EXCEPTION 'accounts that documents post to are the release''s' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$"""


def upgrade() -> None:
    for name, (declared, body) in FUNCTIONS.items():
        op.execute(HEAD.format(name=name, declared=declared, body=body))
    for table, name, when, function, condition in TRIGGERS:
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_{name} AFTER {when} ON {table} DEFERRABLE INITIALLY DEFERRED "
            f"FOR EACH ROW {condition} EXECUTE FUNCTION {function}()"
        )
    op.execute("CREATE TRIGGER ledger_entries_placed AFTER INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION ledger_placed()")
    op.execute(OWN)
    op.execute("CREATE TRIGGER guarded BEFORE INSERT OR UPDATE OR DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION account_guarded()")
