"""Labour rates as the API shows them."""

from typing import Any

from chassis.domain.money import rate_number
from chassis.http.views import stamps
from services.finance.kernel import DEFAULT_CURRENCY
from services.finance.rates.labour_rate import LabourRate


def labour_rate(rate: LabourRate) -> dict[str, Any]:
    return {
        "id": rate.id,
        "code": rate.code,
        "name": rate.name,
        "currency": DEFAULT_CURRENCY,
        "hourly_rate": rate.hourly_rate,
        "tax_rate": rate_number(rate.tax_rate),
        **stamps(rate),
    }
