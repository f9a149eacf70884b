"""The console of an outside account (G-10): own orders, bills and machines, no back office."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.client import Client
from tests.support.company import Company


def entries(page: Page) -> list[str]:
    return [str(link.get_attribute("href")) for link in page.locator("#nav a[data-go], #nav ul a").all()]


def signed_in(seat: Open, somebody: Client) -> Page:
    assert somebody.username and somebody.password
    return seat().sign_in(somebody.username, somebody.password).page


def test_a_customer_follows_an_order_and_agrees_to_its_quote(seat: Open, little_company: Company) -> None:
    case, other = Case(little_company).to_quoted(), Case(little_company).walk()
    somebody = little_company.outsider(little_company.party("customer", customer_id=case.customer["id"]))
    chair = seat().sign_in(str(somebody.username), str(somebody.password))
    page = chair.page
    expect(page).to_have_url(f"{chair.base}/work-orders")
    assert entries(page) == ["/work-orders", "/bills", "/devices"]
    expect(page.locator("main")).to_contain_text(case.order["number"])
    expect(page.locator("main")).not_to_contain_text(other.order["number"])
    chair.shot("outside-orders-zh")
    page.goto(f"{chair.base}/work-orders/{case.id}")
    technician = str(case.site.technician["name"])
    for hidden in (technician, "厂家", "诊断", "未派工", f"agent-{case.site.code}".lower()):
        expect(page.locator("body")).not_to_contain_text(hidden)
    chair.shot("outside-order-zh")
    page.locator('[data-action="approve"]').click()
    page.locator('[name="approved_by"]').fill("本人")
    page.locator("[data-submit]").click()
    expect(page.locator(".told")).to_be_visible()
    page.goto(f"{chair.base}/work-orders/{case.id}?tab=timeline")
    expect(page.locator(".timeline")).to_contain_text("已同意报价第 1 版")
    expect(page.locator(".timeline")).not_to_contain_text("诊断")
    chair.shot("outside-timeline-zh")
    for path in ("/stock", "/users", "/customers", "/technicians", "/parties"):
        page.goto(chair.base + path)
        expect(page.locator("body")).to_contain_text("404")


def test_a_customer_asks_for_a_repair(seat: Open, little_company: Company) -> None:
    case = Case(little_company).register()
    somebody = little_company.outsider(little_company.party("customer", customer_id=case.customer["id"]))
    chair = seat().sign_in(str(somebody.username), str(somebody.password))
    page = chair.page
    page.goto(f"{chair.base}/work-orders/new")
    assert page.locator('[name="customer_id"], [name="dealer_id"]').count() == 0
    page.locator('[name="channel"]').select_option("web")
    page.locator('[name="site_id__text"]').fill(case.site.code)
    page.locator('[name="problem"]').fill("不启动")
    chair.shot("outside-new-zh")
    page.locator("[data-submit]").click()
    expect(page.locator(".told")).to_be_visible()
    expect(page.locator("main")).to_contain_text("不启动")
    page.goto(f"{chair.base}/bills")
    chair.shot("outside-bills-zh")
    page.goto(f"{chair.base}/devices/{case.device['id']}")
    expect(page.locator("main")).to_contain_text(case.device["serial_number"])
    chair.shot("outside-device-zh")


def test_a_dealer_and_a_supplier(seat: Open, little_company: Company) -> None:
    dealer = signed_in(seat, little_company.outsider(little_company.party("dealer")))
    assert entries(dealer) == ["/work-orders", "/devices"]
    chair = seat()
    supplier = little_company.outsider(little_company.party("supplier"))
    page = chair.sign_in(str(supplier.username), str(supplier.password)).page
    assert entries(page) == []
    chair.shot("outside-supplier-zh")


def test_an_administrator_takes_in_a_party_and_its_person(seat: Open, little_company: Company) -> None:
    chair = seat().sign_in()
    page = chair.page
    page.goto(f"{chair.base}/parties/new")
    page.locator('[name="kind"][value="dealer"]').check()
    page.locator('[name="name"]').fill("顺风经销")
    page.locator('[name="org_unit_code__text"]').fill("HQ")
    page.locator('[name="contract_ends_on"]').fill("2099-12-31")
    chair.shot("party-new-zh")
    page.locator("[data-submit]").click()
    expect(page.locator("main")).to_contain_text("顺风经销")
    expect(page.locator("main")).to_contain_text("经销商")
    chair.shot("party-zh")
    party = page.url.rpartition("/")[2]
    expect(page.locator(f'a[href="/users?party_id={party}"]').first).to_be_visible()
