"""What orders tells of a work order, made from the examples of its contracts."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from chassis.domain.aggregate import new_id
from chassis.domain.money import ZERO, line_net, tax_of
from chassis.events.schemas import example

WORKED = (("labour", "1.5", "100.00"), ("part", "1", "25.00"), ("part", "2", "7.55"))
"""Lines of the worked example: 214.81 in all."""


def order(verb: str, **changed: Any) -> dict[str, Any]:
    """Data of ``orders.work_order.<verb>`` about an order of its own."""
    found = copy.deepcopy(example(f"aftersales.orders.work_order.{verb}.v1"))
    return {**found, "id": str(new_id()), **changed}


def billing(
    *lines: tuple[str, str, str], rate: str = "0.13", maker: bool = False, round: int = 1
) -> dict[str, Any]:
    """What is to be billed for (kind, quantity, unit price) lines, all to the customer or all to the maker."""
    made = [line(kind, Decimal(quantity), Decimal(price), Decimal(rate), maker) for kind, quantity, price in lines]
    totals = {f"{who}_total": str(sum((Decimal(each[f"{who}_amount"]) for each in made), ZERO)) for who in ("customer", "maker")}
    return {"round": round, "currency": "CNY", "lines": made, **totals}


def line(kind: str, quantity: Decimal, price: Decimal, rate: Decimal, maker: bool) -> dict[str, Any]:
    net = line_net(quantity, price)
    tax = tax_of(net, rate)
    mine, theirs = (ZERO, net + tax) if maker else (net + tax, ZERO)
    amounts = {"unit_price": price, "net": net, "tax": tax, "total": net + tax, "customer_amount": mine, "maker_amount": theirs}
    return {
        "kind": kind,
        "ref": "STD" if kind == "labour" else str(new_id()),
        "description": "标准工时" if kind == "labour" else "配件",
        "quantity": float(quantity),
        **{name: f"{amount:.2f}" for name, amount in amounts.items()},
    }
