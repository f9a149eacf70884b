"""The search on top as its users meet it: by keyboard and without scripts, and never beyond the own scope (R-06)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.client import Client
from tests.support.company import PASSWORD, Company


@pytest.fixture(scope="module")
def company(admin: Client) -> Company:
    """Two sites of two branches."""
    found = Company(admin, sites=3)
    found.receive(found.sites[0], [(part["id"], 100) for part in found.parts])
    return found


def test_suggestions_by_keyboard(seat: Open, company: Company) -> None:
    case = Case(company).register()
    one = seat(language="en").sign_in()
    page = one.go("/parts")
    page.keyboard.press("/")
    box = page.locator("[data-find]")
    expect(box).to_be_focused()
    page.keyboard.type(case.order["number"][:-1])
    option = page.get_by_role("option").filter(has_text=case.order["number"])
    expect(option).to_have_count(1)
    expect(box).to_have_attribute("aria-expanded", "true")
    one.shot("finding-suggestions")
    for _ in range(page.get_by_role("option").count()):
        page.keyboard.press("ArrowDown")
        if option.get_attribute("aria-selected") == "true":
            break
    expect(box).to_have_attribute("aria-activedescendant", option.get_attribute("id") or "")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(case.order["number"])

    page.keyboard.press("/")
    page.keyboard.type(company.parts[0]["number"])
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/parts/{company.parts[0]['id']}$"))


def test_a_page_of_hits_without_scripts(seat: Open, company: Company) -> None:
    case = Case(company).register()
    one = seat(language="en", scripts=False).sign_in()
    page = one.go("/parts")
    page.locator("[data-find]").fill(case.customer["phone"])
    page.keyboard.press("Enter")
    expect(page.locator(f'.found a[href="/work-orders/{case.id}"]')).to_be_visible()
    expect(page.locator(f'.found a[href="/customers/{case.customer["id"]}"]')).to_be_visible()
    one.shot("finding-hits")
    for hostile in ("%", "\x00", "a\x00%27", "字" * 3000):
        page = one.go("/find?q=" + "".join(f"%{byte:02X}" for byte in hostile.encode()))
        expect(page.locator("[data-find]")).to_be_visible()
        expect(page.locator("main h1")).not_to_have_text(re.compile("500|wrong", re.IGNORECASE))


@pytest.mark.slow
def test_nobody_finds_what_is_not_of_his_scope(seat: Open, company: Company) -> None:
    """Every number of another site's case, at a site that has every right there."""
    case = Case(company).walk()
    receipt = company.receive(company.sites[0], [(company.parts[0]["id"], 1)])
    bill = case.billed()
    payments = company.admin.get(f"/payments?work_order_id={case.id}")["items"]
    numbers = [case.order["number"], bill["number"], receipt["number"], *(one["number"] for one in payments)]
    assert len(numbers) > 3
    other = company.sites[-1]
    company.user(f"all-{other.code}".lower(), other.code, ["manager", "storekeeper", "cashier", "agent"])
    stranger, own = seat(language="en").sign_in(f"all-{other.code}".lower(), PASSWORD), seat(language="en").sign_in()
    for number in numbers:
        for way in (f"/find?q={number}", f"/find?q={number}&suggest=1"):
            expect(stranger.go(way).locator(f'[href*="{number}"], li, [role=option]').filter(has_text=number)).to_have_count(0)
        assert own.go(f"/find?q={number}&suggest=1").get_by_role("option").filter(has_text=number).count(), f"{number}: who may, finds it"
