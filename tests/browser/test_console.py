"""The console as its users meet it: the case walked by mouse and keyboard, live changes, no scripts, small pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.company import PASSWORD, Company, new_phone
from tests.support.suites import ADMIN_PASSWORD

LISTS = [
    "work-orders",
    "devices",
    "customers",
    "revisits",
    "consents",
    "disclosures",
    "stock",
    "requisitions",
    "shortages",
    "stock-receipts",
    "stock-movements",
    "parts",
    "warehouses",
    "bills",
    "payments",
    "labour-rates",
    "accounts",
    "ledger-entries",
    "products",
    "sites",
    "technicians",
    "org-units",
    "users",
    "roles",
    "parameters",
]


def state(page: Page, word: str) -> None:
    expect(page.locator("#doc-head .chip").first).to_have_text(word)


def test_sign_in_and_out(seat: Open) -> None:
    one = seat(language="en")
    page = one.go("/work-orders?state=ready")
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    page.locator("#username").fill("admin")
    page.locator("#password").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.locator(".problem")).to_contain_text("unauthenticated")
    expect(page.locator("#username")).to_have_value("admin")
    page.locator("#password").fill(ADMIN_PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{one.base}/work-orders?state=ready")
    cookies = {c["name"]: c for c in one.context.cookies()}
    assert cookies["aftersales_token"]["httpOnly"] and cookies["aftersales_token"]["sameSite"] == "Lax"
    page.locator(".bar .drop summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{one.base}/sign-in")
    one.go("/work-orders")
    expect(page).to_have_url(re.compile("/sign-in"))
    assert "aftersales_token" not in {c["name"] for c in one.context.cookies()}


def test_a_first_password_must_be_changed(seat: Open, little_company: Company) -> None:
    body = {
        "username": f"new-{little_company.mark}",
        "name": "新人",
        "org_unit_code": "HQ",
        "roles": ["agent"],
    }
    made = little_company.admin.created("/users", body)
    one = seat().sign_in(made["username"], made["password"])
    expect(one.page).to_have_url(re.compile("/password"))
    one.go("/work-orders")
    expect(one.page).to_have_url(re.compile("/password"))
    for name, value in (
        ("old_password", made["password"]),
        ("new_password", PASSWORD),
        ("confirm", PASSWORD),
    ):
        one.page.locator(f"#f-{name}").fill(value)
    one.page.keyboard.press("F9")
    expect(one.page.locator("h1")).to_have_text("工单")


@pytest.mark.slow
def test_the_case_by_console_alone(seat: Open, little_company: Company) -> None:
    site, rate = little_company.sites[0], little_company.rate
    one = seat().sign_in()
    page = one.go("/customers/new")
    name = f"张伟 {new_phone()}"
    page.locator("#f-name").fill(name)
    page.locator("#f-phone").fill("138 " + new_phone()[3:7] + " 0000")
    page.keyboard.press("F9")
    expect(page.locator("h1")).to_have_text(name)

    page = one.go("/devices/new")
    one.pick("customer_id", name)
    one.pick("product_id", little_company.product["code"])
    page.locator("#f-serial_number").fill(f"S-{new_phone()}")
    page.locator("#f-purchased_on").fill("2020-01-31")
    page.keyboard.press("F9")
    expect(page.locator(".doc")).to_be_visible()

    page = one.go("/work-orders/new")
    page.locator("#f-channel").select_option("counter")
    one.pick("site_id", site.code)
    page.locator("#f-problem").fill("不通电 <b>x</b>")
    one.pick("customer_id", name)
    page.locator("[data-submit]").click()
    expect(page.locator("h1")).to_have_text(re.compile(r"RE\d{8}"))
    state(page, "已登记")
    expect(page.locator("#doc-problem")).to_contain_text("不通电 <b>x</b>")

    page.locator('#actions [data-action="assign"]').click()
    one.pick("technician_id", site.technician["name"])
    page.locator("#f-appointment_start").fill("明天 14:00")
    page.locator("[data-submit]").click()
    expect(page.locator("#doc-people")).to_contain_text("14:00")
    page.locator("#actions .btn-primary").click()
    state(page, "维修中")

    page.locator("#actions .btn-primary").click()
    for field in ("symptom", "cause", "finding"):
        page.locator(f"#f-{field}").fill(f"{field} 甲")
    page.keyboard.press("F9")
    expect(page.locator("#doc-problem")).to_contain_text("symptom 甲")

    page.locator("#actions .btn-primary").click()
    one.pick("labour-0-rate_code", rate["code"])
    page.locator('[name="labour-0-hours"]').fill("1.5")
    for n, (part, quantity) in enumerate(zip(little_company.parts, ("1", "2"), strict=True)):
        if n:
            page.locator('[data-rows="parts"] [data-add]').click()
        one.pick(f"parts-{n}-part_id", part["number"])
        page.locator(f'[name="parts-{n}-quantity"]').fill(quantity)
    page.keyboard.press("F9")
    expect(page.locator("#doc-quote")).to_contain_text("214.81")
    expect(page.locator("#doc-head")).to_contain_text("待客户同意")

    page.locator("#actions .btn-primary").click()
    page.locator("#f-approved_by").fill("张伟")
    page.keyboard.press("F9")
    expect(page.locator("#doc-requisition .chip")).to_have_text("已备料", timeout=15000)
    expect(page.locator("#doc-head")).not_to_contain_text("待配件", timeout=15000)
    page.locator("#actions .btn-primary").click()
    page.locator("#f-work_done").fill("已更换")
    page.keyboard.press("F9")
    state(page, "检验中")
    page.locator("#actions .btn-primary").click()
    page.locator('[name="passed"][value="true"]').check()
    page.keyboard.press("F9")
    state(page, "待交付")

    order = page.url
    page.reload()
    expect(page.locator("#doc-money")).to_contain_text("214.81")
    page.locator("#doc-money .btn").click()
    page.locator('[name="method"]').first.wait_for()
    page.locator("#f-method").select_option("cash")
    page.locator("#f-amount").fill("300")
    page.keyboard.press("F9")
    expect(page.locator(".problem")).to_contain_text("over_allocated")
    expect(page.locator("#f-amount")).to_have_value("300")
    page.locator("#f-amount").fill("214.81")
    page.keyboard.press("F9")
    expect(page.locator("#doc-head .chip")).to_have_text("已结清")
    page.goto(order)
    page.locator("#actions .btn-primary").click()
    page.locator("#f-received_by").fill("张伟")
    page.keyboard.press("F9")
    state(page, "已完成")
    page.locator(".tabs a").last.click()
    expect(page.locator(".timeline li").first).to_be_visible()
    assert page.locator(".timeline li").count() >= 12


def test_a_change_by_others_shows_in_place(seat: Open, little_company: Company) -> None:
    case = Case(little_company).register()
    one = seat().sign_in()
    page = one.go(f"/work-orders?site_id={little_company.sites[0].id}")
    row = page.locator(f'tr[data-doc="work-orders/{case.id}"]')
    expect(row.locator(".chip").first).to_have_text("已登记")
    page.wait_for_timeout(500)  # the stream opens behind the page
    box = page.locator("[data-find]")
    box.fill("half typed")
    case.assign().start()
    expect(row.locator(".chip").first).to_have_text("维修中", timeout=10000)
    expect(row).to_have_class(re.compile("flash"))
    assert page.evaluate("document.activeElement.name") == "q" and box.input_value() == "half typed"

    page.goto(f"{one.base}/work-orders/{case.id}")
    page.wait_for_timeout(500)
    page.locator('#actions [data-action="cancel"]').focus()
    case.diagnose()
    expect(page.locator("#doc-problem")).to_contain_text("worn brush", timeout=10000)
    assert page.evaluate("document.activeElement.dataset.action") == "cancel", "focus stays where it was"


def test_what_changed_meanwhile_is_not_overwritten(seat: Open, little_company: Company) -> None:
    case = Case(little_company).register().assign().start()
    one = seat(language="en").sign_in()
    page = one.go(f"/work-orders/{case.id}/diagnose")
    page.locator("#f-symptom").fill("mine")
    case.diagnose()
    for name in ("cause", "finding"):
        page.locator(f"#f-{name}").fill("mine")
    page.locator("[data-submit]").click()
    expect(page.locator(".problem")).to_contain_text("stale_version")
    expect(page.locator("#f-symptom")).to_have_value("mine")
    page.locator("[data-submit]").click()
    expect(page.locator("#doc-problem")).to_contain_text("mine")


def test_a_picker_answers_who_types_before_the_page_is_wired_up(seat: Open, little_company: Company) -> None:
    case = Case(little_company).register()
    one = seat().sign_in()
    page = one.go(f"/work-orders/{case.id}")
    page.evaluate("htmx.config.defaultSettleDelay = 700")
    page.locator('#actions [data-action="assign"]').click()
    one.pick("technician_id", little_company.sites[0].technician["name"])


def test_by_keyboard(seat: Open, little_company: Company) -> None:
    for _ in range(2):
        Case(little_company).register()
    one = seat(language="en").sign_in()
    page = one.go(f"/work-orders?site_id={little_company.sites[0].id}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("#list tbody tr").first).to_have_class(re.compile("is-current"))
    number = page.locator("#list tbody tr").first.locator(".open").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(number)
    page.keyboard.press(".")
    assert page.evaluate("document.activeElement.dataset.action") == "assign"
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.locator("h1")).to_have_text("Bills")
    page.keyboard.press("?")
    expect(page.locator("h1")).to_have_text("Keyboard shortcuts")
    page.keyboard.press("/")
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(number)
    page.go_back()
    expect(page.locator("h1")).to_have_text("Keyboard shortcuts")
    one.go("/customers/new")
    expect(page.locator("#f-name")).to_be_focused()


def test_everything_works_without_scripts(seat: Open, little_company: Company) -> None:
    site = little_company.sites[0]
    one = seat(language="en", scripts=False).sign_in()
    page = one.go("/work-orders/new")
    page.locator("#f-channel").select_option("phone")
    page.locator('[name="site_id__text"]').fill(site.code)
    page.locator("[data-submit]").click()
    expect(page.locator(".problem")).to_contain_text("validation_failed")
    expect(page.locator("#f-channel")).to_have_value("phone")
    page.locator("#f-problem").fill("noise")
    page.locator("[data-submit]").click()
    state(page, "Registered")
    page.locator("#actions form .btn").first.click()
    state(page, "In repair")
    page.locator('#actions [data-action="quote"]').click()
    page.locator('[data-rows="parts"] [data-add]').click()
    for n, part in enumerate(little_company.parts):
        page.locator(f'[name="parts-{n}-part_id__text"]').fill(part["number"])
        page.locator(f'[name="parts-{n}-quantity"]').fill("1")
    page.locator("[data-submit]").click()
    expect(page.locator("#doc-quote tbody tr")).to_have_count(2)
    page.locator('#actions [data-action="cancel"]').click()
    page.locator("#f-reason").fill("changed his mind")
    page.locator("[data-submit]").click()
    state(page, "Cancelled")


def test_only_what_the_user_may(seat: Open, little_company: Company) -> None:
    site = little_company.sites[0]
    case = Case(little_company).register()
    site.as_("storekeeper")
    one = seat(language="en").sign_in(f"storekeeper-{site.code}".lower(), PASSWORD)
    page = one.go(f"/work-orders/{case.id}")
    expect(page.locator("#actions .btn")).to_have_count(0)
    expect(page.locator('.side a[href="/users"]')).to_have_count(0)
    expect(page.locator('.side a[href="/stock-receipts"]')).to_have_count(1)
    page = one.go(f"/work-orders/{case.id}/cancel")
    page.locator("#f-reason").fill("not mine to cancel")
    page.locator("[data-submit]").click()
    expect(page.locator(".problem")).to_contain_text("forbidden")


def test_a_list_as_a_file(seat: Open, little_company: Company) -> None:
    one = seat().sign_in()
    page = one.go(f"/parts?number={little_company.parts[0]['number']}")
    page.locator(".page-head .drop summary").click()
    with page.expect_download() as download:
        page.get_by_text("CSV").click()
    text = download.value.path().read_text("utf-8-sig")
    assert little_company.parts[0]["number"] in text and little_company.parts[1]["number"] not in text


def test_pages_are_small(seat: Open) -> None:
    one = seat().sign_in()
    seen: list[Response] = []
    fresh = seat(storage_state=one.context.storage_state())
    fresh.page.on("response", lambda response: seen.append(response))  # noqa: PLW0108  Playwright marks what it is given
    fresh.go("/work-orders")
    fresh.page.wait_for_timeout(500)
    loaded = [r for r in seen if "/streams/" not in r.url]
    assert len(loaded) <= 15 and sum(sent(r) for r in loaded) <= 300 * 1024
    seen.clear()
    fresh.page.locator('.side a[href="/customers"]').click()
    expect(fresh.page.locator("h1")).to_have_text("客户")
    assert sum(sent(r) for r in seen if "/streams/" not in r.url) <= 40 * 1024


def sent(response: Response) -> int:
    sizes = response.request.sizes()
    return int(sizes["responseBodySize"] + sizes["responseHeadersSize"])


@pytest.mark.slow
@pytest.mark.parametrize("language, width, theme", [
    ("en", 1280, "dark"), ("en", 390, "light"), ("zh-CN", 390, "dark"),
    pytest.param("zh-CN", 1280, "light", marks=pytest.mark.long),  # its columns are the shorter ones
])  # fmt: skip
def test_no_page_overflows_or_complains(seat: Open, little_company: Company, language: str, width: int, theme: str) -> None:
    case = Case(little_company).to_quoted()
    paths = [f"/{name}" for name in LISTS]
    paths += [
        f"/work-orders/{case.id}",
        f"/work-orders/{case.id}?tab=timeline",
        f"/work-orders/{case.id}/quote",
    ]
    paths += [f"/customers/{case.customer['id']}", f"/devices/{case.device['id']}", "/users/new", "/stock-receipts/new",
              f"/customers/{case.customer['id']}/erase", f"/customers/{case.customer['id']}/export", "/consents/new", "/disclosures/new",
              "/parameters/tax.rate", "/parameters/tax.rate/edit", "/password", "/shortcuts"]  # fmt: skip
    one = seat(language=language, theme=theme, width=width).sign_in()
    for path in paths:
        page = one.go(path)
        assert page.locator("main h1").count() == 1, path
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} wide at {width}"
        cut = page.evaluate("(document.querySelector('#list .table-wrap') || 0).scrollWidth > document.querySelector('main').clientWidth - 40")
        columns = page.evaluate("[...document.querySelectorAll('#list thead th')].map(e => [e.textContent.trim(), e.offsetWidth])")
        assert width < 1280 or not cut, f"{path}: columns of the list lie outside at {width}: {columns}"
        unlabelled = page.evaluate(UNLABELLED)
        assert not unlabelled, f"{path}: {unlabelled}"
        one.shot(f"{language}-{theme}-{width}-{path.strip('/').replace('/', '_').replace('?', '_')}")


UNLABELLED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button:not([tabindex="-1"]), a[href]')]
  .filter(e => !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim() && !e.title)
  .map(e => e.outerHTML.slice(0, 120))"""


def test_search_and_conditions(seat: Open, little_company: Company) -> None:
    case = Case(little_company).register(problem="rotor blocked 铁锈")
    one = seat(language="en").sign_in()
    page = one.go("/work-orders")
    box = page.locator('main [name="q"]')
    box.fill(case.order["number"])
    expect(page).to_have_url(re.compile(case.order["number"]))
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page = one.go("/work-orders")
    one.pick("site_id", little_company.sites[0].code)
    expect(page).to_have_url(re.compile(f"site_id={little_company.sites[0].id}"))
    page.locator('[name="coverage"]').select_option("in_warranty")
    expect(page).to_have_url(re.compile("coverage=in_warranty"))
    expect(page).to_have_url(re.compile(f"site_id={little_company.sites[0].id}"))
    page.reload()
    expect(page.locator('[name="coverage"]')).to_have_value("in_warranty")
    head: Any = page.locator("#list th a").first
    if head.count():
        head.click()
        expect(page).to_have_url(re.compile("sort="))
