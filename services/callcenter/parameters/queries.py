"""The values in force."""

from typing import Any

from chassis.db.uow import UnitOfWork
from services.callcenter.parameters.parameter import DEFAULTS, Parameter


def revisit_after_days(uow: UnitOfWork) -> int:
    """Days between completion and revisit (C-40)."""
    return int(_value(uow, "revisit.after_days"))


def phone_region(uow: UnitOfWork) -> str:
    """Region in which phone numbers without a country code are read."""
    return str(_value(uow, "phone.region"))


def customers_scope(uow: UnitOfWork) -> str:
    """``served``: a unit sees the customers that it serves (R-06); ``company``: all."""
    return str(_value(uow, "customers.scope"))


def _value(uow: UnitOfWork, key: str) -> Any:
    found = uow.one(Parameter, key=key)
    return DEFAULTS[key] if found is None else found.value
