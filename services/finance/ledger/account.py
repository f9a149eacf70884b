"""Accounts (科目): a fixed catalogue, written by the migration; balances are always sums of entries."""

from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base


class Code(StrEnum):
    """The accounts that documents are posted to."""

    CASH = "cash"
    BANK = "bank"
    CARD_CLEARING = "card_clearing"
    ONLINE_CLEARING = "online_clearing"
    RECEIVABLE_CUSTOMERS = "receivable_customers"
    RECEIVABLE_MAKERS = "receivable_makers"
    CUSTOMER_CREDITS = "customer_credits"
    OUTPUT_TAX = "output_tax"
    REVENUE_LABOUR = "revenue_labour"
    REVENUE_PARTS = "revenue_parts"


class Nature(StrEnum):
    ASSET = "asset"
    LIABILITY = "liability"
    REVENUE = "revenue"


class Account(Base):
    """``number`` is the account's place in the chart of accounts (会计科目编号)."""

    __tablename__ = "accounts"

    code: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    nature: Mapped[Nature]
    name_zh: Mapped[str]
    name_en: Mapped[str]

    def name(self, language: str) -> str:
        return self.name_zh if language.lower().startswith("zh") else self.name_en
