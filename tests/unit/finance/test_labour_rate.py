"""Labour rates (F-01)."""

from __future__ import annotations

from decimal import Decimal

from services.finance.rates.events import LabourRateChanged, LabourRateCreated
from services.finance.rates.labour_rate import LabourRate


def test_created_and_changed_are_announced_whole() -> None:
    rate = LabourRate.create("STD", "标准工时", Decimal("100"))
    assert rate.__dict__.pop("_events") == [LabourRateCreated("STD", "标准工时", Decimal("100.00"))]
    rate.change(hourly_rate=Decimal("120.5"))
    assert rate.__dict__.pop("_events") == [LabourRateChanged("STD", "标准工时", Decimal("120.50"))]


def test_a_change_of_nothing_is_not_announced() -> None:
    rate = LabourRate.create("STD", "标准工时", Decimal("100.00"))
    rate.__dict__.pop("_events")
    rate.change(name="标准工时", hourly_rate=Decimal("100"))
    assert "_events" not in rate.__dict__
