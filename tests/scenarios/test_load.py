"""Many cases by several clients at once: everyday a tenth of what is promised (200 by 8, also in the long run)."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.support.campaign import Campaign
from tests.support.company import Company
from tests.support.suites import RunningSuite


@pytest.mark.slow
def test_cases_by_eight_clients(suite: RunningSuite, company: Company, many: bool):
    """A shortage in every tenth and a partial payment in every fifth; all audited, one bill each, to the cent."""
    campaign = Campaign(company, cases=200 if many else 20)
    with ThreadPoolExecutor(8) as pool:
        cases = list(pool.map(campaign.run, range(campaign.cases)))
    assert len({case.id for case in cases}) == campaign.cases
    for case in cases:
        assert case.order["state"] == "audited"
        bills = company.admin.get("/bills", work_order_id=case.id)["items"]
        assert [(bill["customer_total"], bill["open_amount"], bill["state"]) for bill in bills] == [
            (str(case.total), "0.00", "settled")
        ]
        assert sum(Decimal(line["total"]) for line in bills[0]["lines"]) == case.total
    assert_sound(suite)


def assert_sound(suite: RunningSuite, wait: int = 30) -> None:
    """`reconcile` finds nothing and nothing is parked."""
    told = suite.here("reconcile", "--json", "--wait", str(wait))
    assert told.returncode == 0, told.stdout + told.stderr
    assert json.loads(told.stdout)["offenders"] == []
    parked = suite.here("parked", "list")
    assert parked.returncode == 0, parked.stderr
    assert campaign_parked(parked.stdout) == 0, parked.stdout


def campaign_parked(shown: str) -> int:
    """Lines of `parked list` that carry an event type."""
    return sum("aftersales." in line for line in shown.splitlines())
