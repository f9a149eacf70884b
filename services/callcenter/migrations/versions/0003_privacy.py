"""Customers are sealed (G-24): name and numbers under the key ring, found by marks."""

from alembic import op

from chassis.db.resealing import seal_events, seal_table
from chassis.db.sealed import Encrypted
from services.callcenter.customers.customer import name_marks, phone_marks

revision = "0003"
down_revision = "0002"
SERVES = "0003"


def upgrade() -> None:
    seal_table(
        op.get_bind(),
        "customers",
        {"name": Encrypted(), "phones": Encrypted(json=True)},
        {"name_marks": lambda row: name_marks(row.name), "phone_marks": lambda row: phone_marks(row.phones)},
        drop=["name_key"],
    )
    seal_events(op.get_bind())
