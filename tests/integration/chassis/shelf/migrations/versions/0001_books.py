import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import chassis_tables, scope_table
from chassis.db.numbering import Kind, numbering

revision = "0001"
down_revision = None


def upgrade() -> None:
    chassis_tables(op)
    op.create_table("readers", sa.Column("id", sa.Uuid(), primary_key=True))
    op.create_table(
        "books",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("number", sa.Text(), nullable=False, unique=True),
        sa.Column("code", sa.Text(), nullable=False, unique=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(18, 6), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False, index=True),
        sa.Column("version", sa.Integer(), nullable=False),
        *[sa.Column(f"{verb}_{what}", kind, nullable=False)
          for verb in ("created", "updated") for what, kind in (("at", sa.DateTime(timezone=True)), ("by", sa.Text()))],
    )
    scope_table(op, "books")
    numbering(op, {"book": Kind("books", "BK")})
