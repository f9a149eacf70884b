"""Customers are seen by the units that serve them (R-06): links, marks as rows, look-ups in the whole company.

Whom a document of this service names is linked to its site; all others count as entered by headquarters: no unit lists them, whoever
names one or looks him up has him, and the next event of an order links him."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import app_role, system_scope
from services.callcenter.customers.links import CUSTOMERS

revision = "0012"
down_revision = "0011"
SERVES = "0012"

MARKS = """INSERT INTO customer_marks (mark, created_at, customer_id)
    SELECT DISTINCT mark, c.created_at, c.id FROM customers c, unnest(c.name_marks || c.phone_marks) mark"""
NAMED = """CREATE TEMPORARY TABLE named ON COMMIT DROP AS SELECT d.customer_id, d.org_path, min(d.created_at) AS since
    FROM (SELECT customer_id, org_path, created_at FROM revisits UNION ALL SELECT customer_id, org_path, created_at FROM follow_ups) d
    WHERE d.customer_id IS NOT NULL AND EXISTS (SELECT FROM units_of(d.org_path)) GROUP BY 1, 2"""
LINKS = """INSERT INTO customer_links (customer_id, unit_path, created_at, own)
    SELECT c.id, u, c.created_at, bool_or(u = n.org_path) FROM named n JOIN customers c ON c.id = n.customer_id, units_of(n.org_path) u
    GROUP BY 1, 2, 3"""
HOMES = """UPDATE customers c SET home_path = n.org_path
    FROM (SELECT DISTINCT ON (customer_id) customer_id, org_path FROM named ORDER BY customer_id, since, org_path) n
    WHERE c.id = n.customer_id"""

# Who is shown is written down by who shows him. Where ``most`` is given the number was not searched, somebody new has it: then that is said of
# whom only others serve, and they are left out once the user has had so many look-ups within the hour. The scope is raised for it, and put back.
FIND = """
CREATE FUNCTION find_customer(marks bigint[], username text, purpose text, most integer)
RETURNS TABLE (id uuid, name bytea, phones bytea, linked boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    scope text := nullif(current_setting('app.scope', true), ''); whole boolean := sees_all('customers.scope'); shown uuid[]; logged uuid[];
BEGIN
    IF scope IS NULL OR marks IS NULL OR coalesce(username, '') = '' OR coalesce(purpose, '') = '' THEN
        RAISE EXCEPTION 'a look-up says who looks and why' USING ERRCODE = 'insufficient_privilege';
    END IF;
    shown := ARRAY(
        SELECT DISTINCT m.customer_id FROM unnest(marks) k, LATERAL (
            SELECT m.customer_id FROM customer_marks m WHERE m.mark = k ORDER BY m.created_at, m.customer_id LIMIT 20) m LIMIT 20);
    IF cardinality(shown) = 0 THEN
        RETURN;
    END IF;
    logged := CASE WHEN most IS NULL THEN shown ELSE ARRAY(SELECT customer FROM unnest(shown) customer
        WHERE NOT (whole OR EXISTS (SELECT FROM customer_links l WHERE l.customer_id = customer AND l.unit_path = scope))) END;
    IF most IS NOT NULL AND cardinality(logged) > 0 THEN
        INSERT INTO customer_lookups AS l (username, since, used) VALUES (find_customer.username, now(), 1)
        ON CONFLICT (username) DO UPDATE SET since = CASE WHEN l.since > now() - interval '1 hour' THEN l.since ELSE now() END,
            used = CASE WHEN l.since > now() - interval '1 hour' THEN l.used + 1 ELSE 1 END;
        IF (SELECT used FROM customer_lookups l WHERE l.username = find_customer.username) > most THEN
            shown := ARRAY(SELECT unnest(shown) EXCEPT SELECT unnest(logged));
            logged := '{}';
        END IF;
    END IF;
    PERFORM set_config('app.scope', '/', true);
    INSERT INTO disclosures (id, customer_id, kind, recipient, purpose, data, basis, unit_path, version, created_at, created_by, updated_at, updated_by)
    SELECT gen_random_uuid(), customer, 'look_up', find_customer.username, find_customer.purpose, '["contact"]', NULL, scope,
        1, now(), find_customer.username, now(), find_customer.username FROM unnest(logged) customer;
    RETURN QUERY SELECT c.id, c.name, c.phones, whole OR EXISTS (SELECT FROM customer_links l WHERE l.customer_id = c.id AND l.unit_path = scope)
        FROM customers c WHERE c.id = ANY (shown) ORDER BY c.created_at, c.id;
    PERFORM set_config('app.scope', scope, true);
END $$
"""


def upgrade() -> None:
    system_scope(op)
    op.add_column("customers", sa.Column("home_path", sa.Text(collation="C"), nullable=True))
    op.add_column("disclosures", sa.Column("unit_path", sa.Text(), nullable=True))
    op.create_table(
        "customer_links",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("unit_path", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "unit_path", name=op.f("pk_customer_links")),
    )
    op.create_table(
        "customer_marks",
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("mark", "created_at", "customer_id", name=op.f("pk_customer_marks")),
    )
    op.create_table(
        "customer_lookups",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_customer_lookups")),
    )
    op.execute(MARKS)
    op.drop_column("customers", "name_marks")
    op.drop_column("customers", "phone_marks")
    CUSTOMERS.install(op)
    for statement in (NAMED, LINKS, HOMES):
        op.execute(statement)
    op.create_index(op.f("ix_customer_links_unit_path_created_at_customer_id"), "customer_links", ["unit_path", "created_at", "customer_id"])
    for table in ("consents", "disclosures"):
        CUSTOMERS.guard_child(op, table)
    op.execute(FIND)
    op.execute("REVOKE ALL ON FUNCTION find_customer(bigint[], text, text, integer) FROM PUBLIC")
    if role := app_role(op.get_bind()):
        op.execute(f'GRANT EXECUTE ON FUNCTION find_customer(bigint[], text, text, integer) TO "{role}"')
    for table in ("customer_links", "customer_marks"):
        op.execute(f"ANALYZE {table}")
