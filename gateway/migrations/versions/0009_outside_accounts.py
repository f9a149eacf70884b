"""Parties and the accounts of their people (G-10); live messages know whose order they are about."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import scope_table
from chassis.db.outside import answers, own

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "parties",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Enum("dealer", "supplier", "customer", name="partykind", native_enum=False, length=32), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("contract_ends_on", sa.Date(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parties")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_parties_customer_id")),
    )
    op.create_index(op.f("ix_parties_org_path"), "parties", ["org_path"])
    op.create_index(op.f("ix_parties_created_at_id"), "parties", ["created_at", "id"])
    op.create_index(op.f("ix_parties_contract_ends_on_id"), "parties", ["contract_ends_on", "id"])
    scope_table(op, "parties")
    op.add_column("users", sa.Column("party_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_users_party_id"), "users", ["party_id"])
    op.add_column("stream_events", sa.Column("customer_id", sa.Uuid(), nullable=True))
    answers(op)
    own(op, "stream_events", "customer_id")
