"""Account (科目, F-22): system accounts as the release has them (chart.py), and the company's own beside them. Balances are sums of entries."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import key_of
from chassis.db.violations import on_violation
from chassis.domain.aggregate import Aggregate
from services.finance.ledger.errors import HasMovements


class Nature(StrEnum):
    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    REVENUE = "revenue"
    EXPENSE = "expense"


class Account(Base, Aggregate):
    """``code`` is what documents and requests name it by, ``number`` its place in the chart of accounts (会计科目编号). Money may be received
    on an active one with a ``method``."""

    __tablename__ = "accounts"

    code: Mapped[str] = mapped_column(unique=True)
    code_key: Mapped[str] = key_of("code")
    number: Mapped[str]
    number_key: Mapped[str] = key_of("number")
    nature: Mapped[Nature]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    method: Mapped[str | None]
    payer: Mapped[str | None] = mapped_column(unique=True)
    """Whose debts stand there, or what is borne in whose name."""
    control: Mapped[bool]
    system: Mapped[bool]
    active: Mapped[bool]

    @classmethod
    def create(cls, code: str, number: str, nature: str, name_zh: str, name_en: str | None = None, method: str | None = None) -> Account:
        """One of the company's own: nothing but what people post by name."""
        return cls(
            code=code, number=number, nature=Nature(nature), name_zh=name_zh, name_en=name_en or name_zh, method=method,
            payer=None, control=False, system=False, active=True,
        )  # fmt: skip

    def change(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)


on_violation("fk_ledger_entries_account", HasMovements)
