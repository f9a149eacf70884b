"""Rows that come with the release, written whenever the database is brought up to it (chassis/db/migrate.py)."""

from services.finance.ledger.chart import seed

__all__ = ["seed"]
