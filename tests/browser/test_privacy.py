"""C-04 in the console: what is open is named with links, the file is saved, an erased customer has neither name nor buttons."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.client import eventually
from tests.support.company import PASSWORD, Company


@pytest.mark.slow
def test_export_and_erase(seat: Open, little_company: Company) -> None:
    case = Case(little_company).register()
    customer, number = case.customer["id"], case.customer["phone"]
    one = seat().sign_in()
    page = one.go(f"/customers/{customer}")
    expect(page.locator(f'a[href="tel:{number}"]').first).to_be_visible()

    page.locator('#actions [data-action="export"]').click()
    page.locator("#f-purpose").fill("本人申请")
    with page.expect_download() as saved:
        page.locator("[data-submit]").click()
    file = json.loads(Path(saved.value.path()).read_text("utf-8"))
    assert file["customer"]["phone"] == number and [order["id"] for order in file["work_orders"]] == [case.id]

    page = one.go(f"/customers/{customer}/erase")
    page.locator("#f-reason").fill("本人申请抹除")
    page.locator("[data-submit]").click()
    expect(page.locator(".problem")).to_contain_text(case.order["number"])
    expect(page.locator(f'.problem a[href="/work-orders/{case.id}"]')).to_be_visible()
    case.act("agent", "cancel", {"reason": "x"})
    page.locator("[data-submit]").click()
    expect(page).to_have_url(re.compile(rf"/customers/{customer}$"))
    eventually(lambda: little_company.admin.get(f"/customers/{customer}")["erased_at"], "customer service heard of it")
    page = one.go(f"/customers/{customer}")
    expect(page.locator("h1")).to_have_text("已抹除")
    assert page.locator('[data-action="erase"]').count() == 0 and page.locator('a[href^="tel:"]').count() == 0

    page = one.go(f"/consents/new?customer_id={case.customer['id']}")
    expect(page.locator("#f-customer_id-text")).to_have_value(re.compile("已抹除"))


@pytest.mark.slow
def test_who_does_not_call_customers_sees_a_part(seat: Open, little_company: Company) -> None:
    case = Case(little_company).register()
    number = case.customer["phone"]
    little_company.sites[0].as_("cashier")
    one = seat().sign_in(f"cashier-{little_company.sites[0].code}".lower(), PASSWORD)
    for path in (f"/customers/{case.customer['id']}", f"/work-orders/{case.id}"):
        page = one.go(path)
        expect(page.locator("main")).to_contain_text(f"{number[:6]}****{number[-4:]}")
        assert number not in page.content() and page.locator('a[href^="tel:"]').count() == 0


@pytest.mark.slow
def test_the_technician_calls_the_customer_of_his_order(seat: Open, little_company: Company) -> None:
    case = Case(little_company).register()
    number, site = case.customer["phone"], little_company.sites[0]
    one = seat().sign_in(f"technician-{site.code}".lower(), PASSWORD)
    page = one.go(f"/work-orders/{case.id}")
    assert number not in page.content()
    page.locator("[data-reveal]").click()
    expect(page.locator("#contact [role=alert]")).to_have_text("该单不是派给您的")
    case.assign()
    page = one.go(f"/work-orders/{case.id}")
    page.locator("[data-reveal]").click()
    expect(page.locator(f'#contact a[href="tel:{number}"]')).to_be_visible()
    expect(page).to_have_url(re.compile(rf"/work-orders/{case.id}$"))

    def logged() -> list[str]:
        items = little_company.admin.get("/disclosures", customer_id=case.customer["id"], kind="reveal")["items"]
        return [f"{item['recipient']} {item['purpose']} {item['data']}" for item in items]

    told = f"technician-{site.code}".lower() + f" {case.order['number']} ['contact']"
    assert eventually(logged, "the log of disclosures") == [told]
    one.shot("order-reveal")
