"""Attachments of work orders and devices (R-13)."""

from alembic import op

from chassis.attachments import attachment_tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    attachment_tables(op)
