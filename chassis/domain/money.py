"""Money (R-08): Decimal with 2 places, half up; tax per line, totals are sums of shown lines; never a float."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from chassis.domain.errors import AmountTooLarge

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
MOST = Decimal("9999999999.99")
"""No amount of a document is above it, typed (MoneyIn of the contracts) or derived from quantities and sums."""
MINUTES_PER_HOUR = 60


def money(value: Decimal | int | str) -> Decimal:
    """Round half up to the cent."""
    return Decimal(value).quantize(CENT, rounding=ROUND_HALF_UP)


def bounded(amount: Decimal, field: str) -> Decimal:
    """The amount; AmountTooLarge names the member of the request that made it more than any document may hold."""
    if amount > MOST:
        raise AmountTooLarge(field)
    return amount


def line_net(quantity: Decimal, unit_price: Decimal, minutes: int | None = None) -> Decimal:
    """Quantity times price; labour given in minutes is priced by these, to the cent (F-01): 20 min at 100.00 are 33.33, while
    0.333 hours are 33.30."""
    return money(quantity * unit_price if minutes is None else minutes * unit_price / MINUTES_PER_HOUR)


def tax_of(net: Decimal, rate: Decimal) -> Decimal:
    """Tax of one line, half up. ``rate`` 0.13 means 13 %."""
    return money(net * rate)


def exact_rate(value: float | None) -> Decimal | None:
    """A rate as JSON has it, without the binary fraction behind it; None where there is none."""
    return None if value is None else Decimal(str(value))


def rate_number(rate: Decimal | None) -> float | None:
    """A rate as the JSON number that shows it."""
    return None if rate is None else float(rate)


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
