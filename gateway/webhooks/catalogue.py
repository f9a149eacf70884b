"""Which events a webhook may be told: those of the contracts whose subject is named here, each with the right that reads it.

Customers, users and technicians are not: their data are about people, and belong to the company as a whole or to no unit. What is
offered names customers by their id only; who may read them asks the API.
"""

from __future__ import annotations

from functools import cache

from chassis.domain.events import ANY_VERB, parse_type, type_of
from chassis.events import schemas

RIGHTS = {
    "orders.work_order": "orders.work_order.read",
    "orders.site": "orders.site.read",
    "orders.product": "orders.product.read",
    "inventory.part": "inventory.part.read",
    "inventory.requisition": "inventory.requisition.read",
    "inventory.stock_receipt": "inventory.stock_receipt.read",
    "finance.bill": "finance.bill.read",
    "finance.payment": "finance.payment.read",
    "callcenter.revisit": "callcenter.revisit.read",
    "callcenter.follow_up": "callcenter.follow_up.read",
}
PING = "ping"
"""Type of the test delivery: no event of ours."""


@cache
def offered() -> dict[str, str]:
    """Event type → right that its subscriber needs. Sorted."""
    return {type_: right for type_ in sorted(schemas.types()) if (right := right_of(type_))}


def right_of(type_: str) -> str | None:
    """Also for a verb that only a newer release knows; None for what is not offered."""
    kind = parse_type(type_)
    return RIGHTS.get(f"{kind.service}.{kind.subject}")


def subjects() -> list[str]:
    """What the gateway listens to: all verbs of what is offered."""
    return sorted({type_of(parse_type(type_).state, ANY_VERB) for type_ in offered()})


def fits(pattern: str, type_: str) -> bool:
    return type_.startswith(pattern[:-1]) if pattern.endswith("*") else type_ == pattern


def chosen(pattern: str) -> list[str]:
    """The types that a pattern stands for now."""
    return [type_ for type_ in offered() if fits(pattern, type_)]
