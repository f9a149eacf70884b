"""Quick jobs and ends without repair, by the console alone."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.test_console import state
from tests.support.case import Case
from tests.support.company import PASSWORD, Company


def test_a_quick_job_is_one_form(seat: Open, little_company: Company) -> None:
    """By who takes in at the counter. What is short is named, nothing typed is lost, and the next press does it."""
    site, part = little_company.sites[0], little_company.parts[0]
    site.as_("agent")
    one = seat().sign_in(f"agent-{site.code}".lower(), PASSWORD)
    page = one.go("/quick-jobs/new")
    one.pick("site_id", site.code)
    one.pick("technician_id", site.technician["name"])
    page.locator("#f-problem").fill("轮胎漏气")
    page.locator("#f-work_done").fill("补胎")
    one.pick("labour-0-rate_code", little_company.rate["code"])
    page.locator('[name="labour-0-hours"]').fill("0.5")
    one.pick("parts-0-part_id", part["number"])
    page.locator('[name="parts-0-quantity"]').fill("99999")
    page.keyboard.press("F9")
    expect(page.locator(".problem")).to_contain_text("insufficient_stock")
    expect(page.locator(".problem li")).to_contain_text(part["number"])
    expect(page.locator("#f-work_done")).to_have_value("补胎")
    page.locator('[name="parts-0-quantity"]').fill("1")
    page.keyboard.press("F9")
    expect(page.locator("h1")).to_have_text(re.compile(r"RE\d{8}"))
    state(page, "待交付")
    assert "/work-orders/" in page.url, "it has a work order's page"
    expect(page.locator("#doc-money")).to_contain_text("84.75")  # 50.00 and 25.00, with tax
    page = one.go("/quick-jobs")
    page.locator("tbody a", has_text=re.compile(r"RE\d{8}")).first.click()
    state(page, "待交付")
    one.shot("quick-job")


def test_a_refused_quote_goes_home_unrepaired(seat: Open, little_company: Company) -> None:
    case = Case(little_company).to_quoted()
    one = seat().sign_in()
    page = one.go(f"/work-orders/{case.id}")
    page.locator('#actions [data-action="reject"]').click()
    page.locator("#f-reason").fill("太贵")
    page.locator("[data-submit]").click()
    expect(page.locator("#doc-head")).to_contain_text("待客户")
    expect(page.locator("#actions .btn-primary")).to_have_text("退回不修")
    page.locator("#actions .btn-primary").click()
    expect(page.locator("legend")).to_contain_text("检测费")
    one.pick("fee-0-rate_code", little_company.rate["code"])
    page.locator('[name="fee-0-minutes"]').fill("30")
    page.keyboard.press("F9")
    state(page, "待交付")
    expect(page.locator("#doc-problem")).to_contain_text("退回不修")
    page.reload()
    expect(page.locator("#doc-money")).to_contain_text("56.50")
    expect(page.locator("#doc-head, #gates, main").first).to_contain_text("还未逾期")
    one.shot("unrepaired")


def test_a_cancel_says_what_it_came_to(seat: Open, little_company: Company) -> None:
    case = Case(little_company).to_quoted().approve()
    case.wait_for("in_repair", None)
    one = seat().sign_in()
    page = one.go(f"/work-orders/{case.id}")
    page.locator('#actions [data-action="cancel"]').click()
    page.locator("#f-reason").fill("卖了")
    page.locator("[data-submit]").click()
    state(page, "已取消")
    page.locator(".tabs a").last.click()
    expect(page.locator(".timeline")).to_contain_text("仓库确认，已取消")
