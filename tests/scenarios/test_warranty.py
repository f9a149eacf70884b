"""Coverage as decided at the counter and again by the diagnosis (O-25, O-26, O-28, O-30)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.case import Case
from tests.support.company import Company


def a_year_before(day: date) -> date:
    """The first day whose cover of twelve months ends before ``day``."""
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


@pytest.fixture
def today() -> date:
    return datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()


def test_the_last_covered_day(company: Company):
    """Section 9, Guarantee end: delivered 2025-03-01, 12 months → 2026-02-28."""
    agent = company.sites[0].as_("agent")
    product = company.make_product(months=12)
    for since, ends in (("2025-03-01", "2026-02-28"), ("2025-03-02", "2026-03-01"), ("2024-03-01", "2025-02-28"),
                        ("2023-03-01", "2024-02-29"), ("2024-02-29", "2025-02-28")):
        device = agent.created("/devices", {"product_id": product["id"], "purchased_on": since})
        assert device["warranty_ends_on"] == ends
        assert agent.get(f"/devices/{device['id']}")["warranty_ends_on"] == ends
    half = company.make_product(months=6)
    for since, ends in (("2025-09-01", "2026-02-28"), ("2025-08-31", "2026-02-28"), ("2026-03-01", "2026-08-31"), ("2026-05-01", "2026-10-31")):
        device = agent.created("/devices", {"product_id": half["id"], "purchased_on": since})
        assert device["warranty_ends_on"] == ends
    assert agent.created("/devices", {"product_id": product["id"]})["warranty_ends_on"] is None


def test_the_last_day_counts(company: Company, today: date):
    agent, product, site = company.sites[0].as_("agent"), company.make_product(months=12), company.sites[0]
    first = a_year_before(today)
    for since, coverage in ((first, "out_of_warranty"), (first + timedelta(days=1), "in_warranty")):
        device = agent.created("/devices", {"product_id": product["id"], "purchased_on": since.isoformat()})
        order = agent.created("/work-orders", {"kind": "repair", "channel": "phone", "site_id": site.id,
                                               "problem": "hums", "device_id": device["id"]})
        assert order["coverage"] == coverage, (since, device["warranty_ends_on"], order["coverage_reason"])
        assert order["coverage_reason"], "explains itself"


def test_unknown_purchase_is_to_check_and_charged_to_the_customer(company: Company):
    site = company.sites[0]
    agent = site.as_("agent")
    device = agent.created("/devices", {"product_id": company.product["id"]})
    case = Case(company)
    case.order = agent.created("/work-orders", {"kind": "repair", "channel": "web", "site_id": site.id, "problem": "dead",
                                                "device_id": device["id"]})
    assert case.order["coverage"] == "to_check"
    case.assign().start().diagnose().quote()
    assert case.order["waiting_for"] == "approval"
    case.approve().complete().check()
    assert case.billed()["customer_total"] == "214.81"


def test_an_order_without_device_is_to_check(company: Company):
    site = company.sites[0]
    order = site.as_("agent").created(
        "/work-orders", {"kind": "repair", "channel": "mail", "site_id": site.id, "problem": "a parcel without papers"}
    )
    assert (order["coverage"], order["device_id"], order["customer_id"]) == ("to_check", None, None)


def test_the_diagnosis_decides_again(company: Company):
    case = Case(company, in_warranty=True).register()
    assert case.order["coverage"] == "in_warranty"
    case.assign().start().diagnose(quality_defect=False)
    assert case.order["coverage"] == "out_of_warranty"
    case.diagnose()
    assert case.order["coverage"] == "in_warranty", "quality_defect is true by default in term"
    case.diagnose(exclusion=excluded(company))
    assert case.order["coverage"] == "out_of_warranty"
    assert len(case.order["coverage_reason"]) >= 1


def excluded(company: Company) -> str:
    """One exclusion reason of the contract (O-28)."""
    from tests.support.contracts import operations

    diagnose = next(row for row in operations() if row.path.endswith("/diagnose"))
    schema = diagnose.spec["requestBody"]["content"]["application/json"]["schema"]["properties"]["exclusion"]
    values = schema.get("enum") or next(option["enum"] for option in schema.get("anyOf", []) + schema.get("oneOf", []) if "enum" in option)
    return str(next(value for value in values if value is not None))
