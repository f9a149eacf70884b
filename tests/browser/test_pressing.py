"""What a press does, and what it does not do: pickers, and actions that would be refused."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.company import Company


def test_a_picker_reached_by_link_opens_by_click_and_by_arrow(seat: Open, little_company: Company) -> None:
    """Its input has the focus already when the page is swapped in, so focus alone tells nothing."""
    case = Case(little_company).register()
    one = seat().sign_in()
    page = one.go(f"/work-orders/{case.id}")
    page.locator('#actions [data-action="assign"]').click()
    box = page.locator('[name="technician_id__text"]')
    expect(box).to_be_focused()
    options = page.locator("#f-technician_id-options [data-value]")
    expect(options).to_have_count(0)
    box.press("ArrowDown")
    expect(options.first).to_be_visible()
    box.press("Escape")
    expect(options).to_have_count(0)
    box.click()
    expect(options.first).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    expect(page.locator('input[name="technician_id"]')).not_to_have_value("")
    box.click()
    expect(options.first).to_be_visible()  # what is chosen does not hide what else there is


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_handing_over_unpaid_says_what_is_owed_and_never_happens_later(seat: Open, little_company: Company, language: str) -> None:
    case = Case(little_company).to_ready()
    one = seat(language=language).sign_in()
    page = one.go(f"/work-orders/{case.id}")
    grey = page.locator('#actions [data-action="hand-over"]')
    expect(grey).to_have_attribute("aria-disabled", "true", timeout=10000)
    expect(page.locator("#gate-hand-over")).to_contain_text(re.compile(r"214\.81|\d+\.\d\d"), timeout=10000)
    # What no line has, the minutes of labour that was given in hours, is no column.
    expect(page.locator("table.lines thead").first).not_to_contain_text({"en": "Minutes", "zh-CN": "分钟"}[language])
    one.shot(f"grey-{language}")
    page.goto(f"{one.base}/work-orders/{case.id}/hand-over")  # as from a page that was open before
    page.locator("#f-received_by").fill("张伟")
    page.keyboard.press("F9")
    expect(page.locator(".problem")).to_contain_text("bill_open", timeout=2000)  # at once
    expect(page.locator(".problem a.num")).to_have_attribute("href", re.compile("/bills/"))
    expect(page.locator("#f-received_by")).to_have_value("张伟")
    one.shot(f"owed-{language}")
    page.goto(f"{one.base}/work-orders/{case.id}")
    expect(grey).to_have_attribute("aria-disabled", "true")
    case.pay()
    expect(page.locator('#actions a[data-action="hand-over"]')).to_be_visible(timeout=15000)  # the gate opens in place
    assert little_company.admin.get(f"/work-orders/{case.id}")["state"] == "ready", "nobody pressed again"
