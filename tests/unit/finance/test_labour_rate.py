"""Labour rates (F-01)."""

from __future__ import annotations

from decimal import Decimal

from services.finance.rates.labour_rate import LabourRate
from tests.support.announced import added, announced, loaded


def test_created_and_changed_are_announced_whole() -> None:
    rate = LabourRate.create("STD", "标准工时", Decimal("100"))
    whole = {"code": "STD", "name": "标准工时", "hourly_rate": Decimal("100.00")}
    assert announced(added(rate)) == [("created", whole)]
    loaded(rate).change(hourly_rate=Decimal("120.5"))
    assert announced(rate) == [("changed", {**whole, "hourly_rate": Decimal("120.50")})]


def test_a_change_of_nothing_is_not_announced() -> None:
    rate = loaded(LabourRate.create("STD", "标准工时", Decimal("100.00")))
    rate.change(name="标准工时", hourly_rate=Decimal("100"))
    assert announced(rate) == []
