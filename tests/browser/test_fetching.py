"""Parts fetched by hand, as technician and storekeeper do it in the console (I-50, I-24)."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.company import PASSWORD, Company


def test_a_sheet_from_the_orders_page_is_handed_out_and_a_draft_kept(seat: Open, little_company: Company) -> None:
    company, site = little_company, little_company.sites[0]
    part, grease = company.part("10.00"), company.part("3.00")
    company.receive(site, [(part["id"], 5), (grease["id"], 5)])
    case = Case(company, site, hours=0, quantities=[(part, 2)]).to_quoted().approve()
    case.wait_for("in_repair", None)

    one = seat().sign_in(str(site.as_("technician").username), PASSWORD)
    page = one.go(f"/work-orders/{case.id}")
    page.locator("a[href*='/requisitions/new']").click()
    expect(page.locator('[name="work_order_id__text"]')).to_have_value(re.compile(case.order["number"]))
    page.keyboard.press("F9")  # no lines: all that is open
    expect(page.locator("#doc-head")).to_contain_text("RQ")
    expect(page.locator("#doc-head")).to_contain_text("已备料")
    sheet = page.url
    one.shot("requisition-by-hand")

    keeper = seat().sign_in(str(site.as_("storekeeper").username), PASSWORD)
    page = keeper.go(sheet.removeprefix(keeper.base))
    page.locator("#actions .btn-primary").click()
    expect(page.locator("#doc-head")).to_contain_text("已出库")

    page = keeper.go("/requisitions/new")
    keeper.pick("site_id", site.code)
    keeper.pick("lines-0-part_id", grease["number"])
    page.locator('[name="lines-0-quantity"]').fill("2")
    page.locator('[name="draft"][value="true"]').check()
    page.keyboard.press("F9")
    expect(page.locator("#doc-head")).to_contain_text("草稿")
    page.locator("a[href$='/reserve']").click()
    expect(page.locator('[name="lines-0-quantity"]')).to_have_value("2")
    page.locator('[name="until"]').fill("明天 14:00")
    page.keyboard.press("F9")
    expect(page.locator("table").first).to_contain_text("14:00")
    keeper.shot("requisition-kept")
    assert company.stock(grease["id"], site.good["id"]) == (5, 2, 3)
    expect(keeper.go("/requisitions").locator("#list")).not_to_contain_text("None")  # without an order it has a name all the same
    assert one.complaints == [] and keeper.complaints == []
