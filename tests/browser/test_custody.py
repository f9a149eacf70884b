"""A machine goes to another site and comes back, by the console alone: each side presses what the page offers it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Seat
from tests.support.case import Case
from tests.support.client import Client
from tests.support.company import PASSWORD, Company


def test_there_and_back_by_who_sits_there(seat: Open, admin: Client) -> None:
    company = Company(admin, sites=2)
    home, centre = company.sites
    case = Case(company, home, quantities=()).register()
    for site in (home, centre):
        site.as_("manager")
    here, there = (_at(seat, site.code) for site in (home, centre))
    page = here.go(f"/work-orders/{case.id}")
    expect(page.locator("#doc-custody .strong")).to_have_text(re.compile(home.code))
    page.locator("#doc-custody .btn", has_text="移交其他网点").click()
    here.pick("to_site_id", centre.code)
    page.locator("#f-given_by").fill("韩梅梅")
    page.locator("#f-remark").fill("带充电器")
    here.shot("hand-over-slip-new")
    page.keyboard.press("F9")
    expect(page.locator("h1")).to_contain_text(re.compile(r"HS\d{8}"))
    expect(page.locator("#doc-head")).to_contain_text("已发出")
    # The other site finds it among what waits, and takes it over.
    other = there.go("/hand-over-slips")
    other.locator("tbody a", has_text=re.compile(r"HS\d{8}")).first.click()
    _press(other, "接收", "#f-received_by", "赵敏")
    expect(other.locator("#doc-head")).to_contain_text("已接收")
    there.shot("hand-over-slip")
    order = there.go(f"/work-orders/{case.id}")
    expect(order.locator("#doc-custody .strong")).to_have_text(re.compile(centre.code))
    expect(order.locator("#doc-people")).to_contain_text(home.code)
    expect(order.locator('#actions [data-action="cancel"]')).to_have_count(0)
    order.locator("#actions .btn-primary").click()
    there.shot("work-order-of-another-site")
    order = there.go(f"/work-orders/{case.id}")
    order.locator("#doc-custody .btn", has_text="发回").click()
    order.locator("#f-given_by").fill("赵敏")
    order.keyboard.press("F9")
    expect(order.locator("#doc-head")).to_contain_text("已发回")
    page = here.go(f"/work-orders/{case.id}")
    expect(page.locator("#doc-custody")).to_contain_text("运往")
    page.locator("#doc-custody .btn", has_text="接收").click()
    page.locator("#f-received_by").fill("韩梅梅")
    page.keyboard.press("F9")
    expect(page.locator("#doc-head")).to_contain_text("已收回")
    page = here.go(f"/work-orders/{case.id}?tab=timeline")
    expect(page.locator("#doc-timeline")).to_contain_text(f"由{_name(admin, home.id)}发往{_name(admin, centre.id)}")
    here.shot("work-order-came-back")
    assert there.go(f"/work-orders/{case.id}").locator("h1").inner_text() == "未找到", "who had it sees the order no more"


def _at(seat: Open, code: str) -> Seat:
    return seat().sign_in(f"manager-{code}".lower(), PASSWORD)


def _press(page: Page, action: str, field: str, text: str) -> None:
    page.locator("#actions .btn", has_text=action).first.click()
    page.locator(field).fill(text)
    page.keyboard.press("F9")


def _name(admin: Client, site_id: str) -> str:
    return str(admin.get(f"/sites/{site_id}")["name"])
