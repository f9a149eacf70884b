"""What can be done with accounts (F-22)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import UnknownReference
from services.finance.ledger.account import Account
from services.finance.ledger.chart import METHODS
from services.finance.ledger.errors import HasMovements, SystemAccount
from services.finance.ledger.posting import Entry


def create_account(uow: UnitOfWork, **fields: Any) -> Account:
    """An account of the company's own. Raises Duplicate(field="code" or "number")."""
    account = Account.create(**fields)
    uow.add(account)
    return account


def change_account(uow: UnitOfWork, account_id: UUID, **fields: Any) -> Account:
    """Other names; closed or open again (``active``). Raises SystemAccount."""
    account = _own(uow, account_id)
    account.change(**fields)
    return account


def delete_account(uow: UnitOfWork, account_id: UUID) -> Account:
    """One to which nothing was ever posted. Raises HasMovements, SystemAccount."""
    account = _own(uow, account_id)
    if uow.find(Entry, account=account.code, limit=1):
        raise HasMovements()
    uow.delete(account)
    return account


def money_account(uow: UnitOfWork, method: str, code: str | None) -> str:
    """Code of the account that money of this method goes to: the method's own, unless one of the company's is named (F-22)."""
    if code is None or code == METHODS[method]:
        return METHODS[method]
    account = uow.one(Account, code_key=code)
    if account is None or account.method != method or not account.active:
        raise UnknownReference("account_code")
    return account.code


def _own(uow: UnitOfWork, account_id: UUID) -> Account:
    account = uow.get(Account, account_id)
    if account.system:
        raise SystemAccount()
    return account
