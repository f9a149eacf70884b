"""Balances (余额) kept by the database with every posting, so that nobody sums the ledger to tell one: by account and site, by party,
account and site."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from services.finance.kernel import Money


class AccountBalance(Base, Scoped):
    __tablename__ = "account_balances"

    account: Mapped[str] = mapped_column(ForeignKey("accounts.code"), primary_key=True)
    site_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    amount: Mapped[Money]


class PartyBalance(Base, Scoped):
    __tablename__ = "party_balances"

    party_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parties.id"), primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("accounts.code"), primary_key=True)
    site_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    amount: Mapped[Money]
