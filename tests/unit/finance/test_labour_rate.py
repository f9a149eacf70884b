"""Labour rates (F-01)."""

from __future__ import annotations

from decimal import Decimal

from services.finance.rates.labour_rate import LabourRate
from tests.support.announced import added, announced, loaded


def test_created_and_changed_are_announced_whole() -> None:
    rate = LabourRate.create("STD", "标准工时", "100")
    whole = {"code": "STD", "name": "标准工时", "hourly_rate": Decimal("100.00"), "tax_rate": None}
    assert announced(added(rate)) == [("created", whole)]
    loaded(rate).change(hourly_rate="120.5", tax_rate=0.06)
    assert announced(rate) == [("changed", {**whole, "hourly_rate": Decimal("120.50"), "tax_rate": 0.06})]


def test_a_change_of_nothing_is_not_announced() -> None:
    rate = loaded(LabourRate.create("STD", "标准工时", "100.00"))
    rate.change(name="标准工时", hourly_rate="100")
    assert announced(rate) == []
