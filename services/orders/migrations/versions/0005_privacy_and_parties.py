"""The copies of customers are sealed (G-24), and marks of their numbers take the place of legible digits."""

from alembic import op

from chassis.db.resealing import seal_events, seal_table
from chassis.db.sealed import Encrypted
from services.orders.masters.phones import phone_marks

revision = "0005"
down_revision = "0004"
SERVES = "0005"


def upgrade() -> None:
    seal_table(
        op.get_bind(),
        "customer_copies",
        {"name": Encrypted(), "phones": Encrypted(json=True)},
        {"phone_marks": lambda row: phone_marks(row.phones)},
    )
    op.drop_table("customer_phones")
    seal_events(op.get_bind())
