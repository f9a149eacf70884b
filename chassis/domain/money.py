"""Money (R-08): Decimal with 2 places, half up; tax per line, totals are sums of shown lines; never a float."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def money(value: Decimal | int | str) -> Decimal:
    """Round half up to the cent."""
    return Decimal(value).quantize(CENT, rounding=ROUND_HALF_UP)


def line_net(quantity: Decimal, unit_price: Decimal) -> Decimal:
    return money(quantity * unit_price)


def tax_of(net: Decimal, rate: Decimal) -> Decimal:
    """Tax of one line, half up. ``rate`` 0.13 means 13 %."""
    return money(net * rate)


def split(total: Decimal, shares: Sequence[Decimal]) -> list[Decimal]:
    """Split ``total`` by ``shares`` to the cent: the parts always sum to the total, the largest remainder gets the odd cents."""
    whole = sum(shares, Decimal(0))
    if whole == 0:
        raise ValueError("shares sum to zero")
    cents = int(total / CENT)
    exact = [Decimal(cents) * s / whole for s in shares]
    parts = [int(e) for e in exact]
    order = sorted(range(len(shares)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: cents - sum(parts)]:
        parts[i] += 1
    return [money(Decimal(p) * CENT) for p in parts]
