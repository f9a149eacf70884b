"""Customers are found by name without accents, blanks and dashes: marks of names that have any are made anew.

Names are sealed, so this needs the key ring, as every migration of sealed columns does."""

import sqlalchemy as sa
from alembic import op

from chassis import crypto
from chassis.db.migrate import system_scope
from chassis.db.sealed import Encrypted
from services.callcenter.customers.customer import name_marks

revision = "0010"
down_revision = "0009"

BATCH = 1000
SOME = "SELECT id, name, name_marks FROM customers WHERE id > :after AND erased_at IS NULL ORDER BY id LIMIT :batch"


def upgrade() -> None:
    system_scope(op)
    connection, sealed = op.get_bind(), Encrypted()
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(sa.text(SOME), {"after": after, "batch": BATCH}).fetchall():
        after = rows[-1].id
        made = ((row, name_marks(sealed.opened(bytes(row.name), crypto.place("customers", "name", row.id)))) for row in rows)
        changed = [{"id": row.id, "marks": marks} for row, marks in made if marks != list(row.name_marks)]
        if changed:
            connection.execute(sa.text("UPDATE customers SET name_marks = CAST(:marks AS bigint[]) WHERE id = :id"), changed)
