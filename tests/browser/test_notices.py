"""The bell: a manager is told while he looks at something else, opens what he was told of, and has read it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import PASSWORD, Company


def collected(company: Company) -> Case:
    """A case up to the revisit."""
    case = Case(company, quantities=()).to_ready()
    case.billed()
    return case.pay().hand_over()


def test_the_bell_rings_and_leads_to_the_document(seat: Open, admin: Client) -> None:
    company = Company(admin, sites=1)
    site = company.sites[0]
    manager = site.as_("manager")
    here = seat().sign_in(f"manager-{site.code}".lower(), PASSWORD)
    page = here.go("/work-orders")
    badge = page.locator("[data-unread]")
    expect(badge).to_be_hidden()
    cases = [collected(company) for _ in range(2)]
    with page.expect_response("**/notices/unread"):
        cases[0].revisit(solved=False)
    expect(badge).to_have_text("1")
    expect(page.locator("a.bell")).to_have_attribute("aria-label", "通知，1 条未读")
    page.locator("a.bell").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("通知")
    told = page.locator("#notices li")
    expect(told).to_have_count(1)
    cases[1].revisit(solved=False)  # the open list takes it in by itself
    expect(told).to_have_count(2)
    expect(told.first).to_contain_text(f"回访未解决：维修单 {cases[1].order['number']}")
    here.shot("notices")
    page.locator("#notices li .btn-link").last.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/follow-ups/"))
    expect(badge).to_have_text("1")
    page.locator("a.bell").click()
    expect(page.locator("#notices li.is-unread")).to_have_count(1)
    page.locator("[data-read-all]").click()
    expect(page.locator("#notices li.is-unread")).to_have_count(0)
    expect(badge).to_be_hidden()
    assert manager.get("/notices", unread="true")["items"] == []


def test_without_scripts_and_in_english(seat: Open, admin: Client) -> None:
    company = Company(admin, sites=1)
    site = company.sites[0]
    manager = site.as_("manager")
    case = collected(company).revisit(solved=False)
    eventually(lambda: manager.get("/notices")["items"], "told")
    here = seat(language="en", scripts=False, width=390).sign_in(f"manager-{site.code}".lower(), PASSWORD)
    page = here.go("/notices")
    expect(page.locator("#notices li.is-unread")).to_contain_text(f"Not solved, says the revisit of order {case.order['number']}")
    page.locator("#notices .btn-link").click()
    expect(page).to_have_url(re.compile("/follow-ups/"))
    page.goto(f"{here.base}/notices")
    expect(page.locator("#notices li")).to_have_count(1)
    expect(page.locator("#notices li.is-unread")).to_have_count(0)
    assert "/notices" not in [link.get_attribute("href") for link in page.locator("#nav a").all()]
