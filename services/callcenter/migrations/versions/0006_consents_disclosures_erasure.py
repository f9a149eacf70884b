"""What customers allowed, to whom their data went, who was erased (C-04)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import append_only

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("customers", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "consents",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("stated_on", sa.Date(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        *stamps(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_table(
        "disclosures",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("basis", sa.String(32), nullable=True),
        *stamps(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
    )
    for table, *columns in (
        ("consents", "customer_id", "kind", "stated_on", "id"),
        ("consents", "created_at", "id"),
        ("consents", "stated_on", "id"),
        ("consents", "kind"),
        ("disclosures", "created_at", "id"),
        ("disclosures", "customer_id", "created_at", "id"),
        ("disclosures", "kind", "created_at", "id"),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
    append_only(op, "consents", "disclosures")


def stamps() -> list[sa.Column]:
    """What every document has."""
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(f"{what}_at", sa.DateTime(timezone=True), nullable=False) for what in ("created", "updated")),
        *(sa.Column(f"{what}_by", sa.Text(), nullable=False) for what in ("created", "updated")),
    ]
