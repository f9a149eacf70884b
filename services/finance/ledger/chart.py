"""Chart of accounts (会计科目): the system accounts that documents post to by their code, one line each. A company adds its own beside them
(``Account``, F-22). ``./aftersales migrate`` writes what stands here."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from chassis import contracts
from chassis.domain import folding
from chassis.domain.aggregate import new_id
from services.finance.ledger.account import Nature

PAYERS = contracts.common_values("payers", "Payer")


class System(NamedTuple):
    """``method``: money received or paid so goes there; ``control``: open items stand behind every amount."""

    code: str
    number: str
    nature: Nature
    name_zh: str
    name_en: str
    method: str | None = None
    payer: str | None = None
    control: bool = False


CUSTOMER_CREDITS, PARTY_CREDITS, OUTPUT_TAX = "customer_credits", "party_credits", "output_tax"
REVENUE = {"labour": "revenue_labour", "part": "revenue_parts"}
CHART = (
    System("cash", "1001", Nature.ASSET, "库存现金", "Cash", "cash"),
    System("bank", "1002", Nature.ASSET, "银行存款", "Bank", "bank"),
    System("card_clearing", "1012.01", Nature.ASSET, "其他货币资金—刷卡在途", "Card clearing", "card"),
    System("online_clearing", "1012.02", Nature.ASSET, "其他货币资金—网上支付在途", "Online clearing", "online"),
    System(CUSTOMER_CREDITS, "2203.01", Nature.LIABILITY, "预收账款—客户", "Credit of customers", control=True),
    System(PARTY_CREDITS, "2203.02", Nature.LIABILITY, "预收账款—往来单位", "Credit of counterparties", control=True),
    System(OUTPUT_TAX, "2221.01", Nature.LIABILITY, "应交税费—销项税额", "Output tax"),
    System("revenue_labour", "6001.01", Nature.REVENUE, "主营业务收入—工时", "Revenue from labour"),
    System("revenue_parts", "6001.02", Nature.REVENUE, "主营业务收入—配件", "Revenue from parts"),
    *(
        System(of["code"], of["number"], Nature(of["nature"]), of["zh"], of["en"], payer=payer, control=PAYERS[payer].get("owes", True))
        for payer in PAYERS
        for of in (PAYERS[payer]["account"],)
    ),
)
METHODS = {account.method: account.code for account in CHART if account.method}


def owed_by(payer: str) -> str:
    """The account of what this payer owes, or of what the company bears in his name."""
    return str(PAYERS[payer]["account"]["code"])


def owed_to(payer: str) -> str:
    """The account of what the company owes him back."""
    return CUSTOMER_CREDITS if payer == "customer" else PARTY_CREDITS


def owes(payer: str) -> bool:
    """Whether somebody is to be asked for it: then an open item stands behind the account."""
    return bool(PAYERS[payer].get("owes", True))


_SEED = text("""INSERT INTO accounts (id, code, code_key, number, number_key, nature, name_zh, name_en, method, payer, control, system, active, version, created_at, created_by,
      updated_at, updated_by)
    VALUES (:id, :code, :code_key, :number, :number_key, :nature, :name_zh, :name_en, :method, :payer, :control, true, true, 1, now(), 'system:finance', now(), 'system:finance')
    ON CONFLICT (code) DO UPDATE SET number = excluded.number, number_key = excluded.number_key, nature = excluded.nature, name_zh = excluded.name_zh, name_en = excluded.name_en,
      method = excluded.method, payer = excluded.payer, control = excluded.control
    WHERE (accounts.number, accounts.nature, accounts.name_zh, accounts.name_en, accounts.method, accounts.payer, accounts.control)
      IS DISTINCT FROM (excluded.number, excluded.nature, excluded.name_zh, excluded.name_en, excluded.method, excluded.payer, excluded.control)""")


def seed(connection: Connection) -> None:
    """Makes the system accounts of the database those of this release."""
    for account in CHART:
        row: dict[str, Any] = {"id": new_id(), "code_key": folding.code(account.code), "number_key": folding.code(account.number), **account._asdict(), "nature": account.nature.value}
        connection.execute(_SEED, row)
