"""A console that stays open all day: pages left behind, tokens that end, sessions that are over."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.client import eventually
from tests.support.company import Company
from tests.support.suites import ADMIN_PASSWORD


def test_a_list_left_behind_says_nothing_about_the_next_page(seat: Open, little_company: Company) -> None:
    """The rows are asked for again when the stream opens; the answer may come when a document is open already."""
    Case(little_company).register()
    one = seat().sign_in()
    held: list[Route] = []
    one.page.route("**/work-orders?site_id=*", lambda r: held.append(r) if r.request.resource_type == "fetch" else r.continue_())
    with one.page.expect_request(lambda request: request.resource_type == "fetch" and "site_id" in request.url):
        page = one.go(f"/work-orders?site_id={little_company.sites[0].id}")
    page.locator("#list .open").first.click()
    expect(page.locator("article.doc")).to_be_visible()
    held[0].continue_()
    page.wait_for_timeout(500)
    expect(page.locator("#notice")).to_be_hidden()


def test_a_look_at_a_view_left_behind_does_not_replace_the_next(seat: Open, little_company: Company) -> None:
    """The order's page asks again when the stream opens; the user asked for its deleted files meanwhile."""
    case = Case(little_company).register()
    one = seat().sign_in()
    held: list[Route] = []
    plain = re.compile(f"/work-orders/{case.id}$")
    one.page.route(plain, lambda r: held.append(r) if r.request.resource_type == "fetch" else r.continue_())
    with one.page.expect_request(lambda request: request.resource_type == "fetch" and bool(plain.search(request.url))):
        page = one.go(f"/work-orders/{case.id}")
    page.locator("#doc-files a[href*=deleted]").click()
    expect(page.locator("#deleted-files")).to_be_visible()
    with page.expect_response(plain):
        held[0].continue_()
    page.wait_for_timeout(500)
    expect(page.locator("#deleted-files")).to_be_visible()


def test_what_is_typed_outlives_the_session(seat: Open) -> None:
    one = seat(language="en").sign_in()
    page = one.go("/customers/new")
    page.locator("#f-name").fill("half typed")
    one.context.clear_cookies(name=re.compile("aftersales_(token|refresh)"))
    page.keyboard.press("F9")
    expect(page.locator("#notice")).to_contain_text("Your session has ended")
    with one.context.expect_page() as door:
        page.locator("#notice button").click()
    other = door.value
    other.locator("#username").fill("admin")
    other.locator("#password").fill(ADMIN_PASSWORD)
    other.keyboard.press("Enter")
    expect(other.locator(".bar")).to_be_visible()
    page.bring_to_front()
    page.keyboard.press("F9")
    expect(page.locator("h1")).to_have_text("half typed")


def test_expired_tokens_are_renewed_unseen(seat: Open) -> None:
    one = seat().sign_in()
    one.context.clear_cookies(name="aftersales_token")
    page = one.go("/work-orders")
    expect(page.locator("h1")).to_have_text("工单")
    assert "aftersales_token" in {c["name"] for c in one.context.cookies()}


HELD = """const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (...words) {
  const loaded = this.onload;
  this.onload = (event) => setTimeout(() => loaded.call(this, event), window.held || 0);
  return send.apply(this, words);
};"""


@pytest.mark.slow
def test_a_change_that_overtakes_its_page_is_shown(seat: Open, little_company: Company) -> None:
    """The answer to what was submitted is rendered, somebody goes on with the order, the stream says so, and only then the page comes."""
    case = Case(little_company).register()
    one = seat().sign_in()
    one.page.add_init_script(HELD)
    page = one.go(f"/work-orders/{case.id}/assign")
    one.pick("technician_id", little_company.sites[0].technician["name"])
    page.wait_for_timeout(500)  # the stream opens behind the page
    page.evaluate("window.held = 3000")
    with page.expect_response(lambda answer: answer.url.endswith(f"/work-orders/{case.id}") and answer.request.method == "GET"):
        page.locator("[data-submit]").click()
    case.start()
    expect(page.locator("#doc-people")).to_be_visible(timeout=10000)
    expect(page.locator("#doc-head")).to_contain_text("维修中")


def test_what_could_not_be_sent_is_kept_and_said(seat: Open) -> None:
    """On a phone without a network, behind a proxy that reaches nobody, and after the tab was loaded again: sent once in the end."""
    one = seat(width=390).sign_in()
    page = one.go("/customers/new")
    page.locator("#f-name").fill("断网的客户")
    keys: list[str] = []

    def away(route: Route) -> None:
        keys.append(re.findall(r"idempotency_key=([^&]+)", route.request.post_data or "")[0])
        route.abort("internetdisconnected") if len(keys) == 1 else route.fulfill(status=502, body="Bad gateway")

    page.route("**/customers/new", lambda route: away(route) if route.request.method == "POST" else route.continue_())
    for tries in (1, 2):
        page.locator("[data-submit]").click()
        expect(page.locator("#notice")).to_contain_text("没有发送成功")
        expect(page.locator("[data-submit]")).not_to_have_attribute("aria-busy", "true")
        expect(page.locator("#f-name")).to_have_value("断网的客户")
        assert len(keys) == tries
        if tries == 1:
            one.shot("unsent-phone")
            page.locator("#notice button").click()
    page.reload()
    expect(page.locator("#f-name")).to_have_value("断网的客户")
    expect(page.locator("#notice")).to_contain_text("已恢复")
    assert page.locator("[name=idempotency_key]").input_value() == keys[0] == keys[1]
    page.unroute("**/customers/new")
    page.locator("[data-submit]").click()
    expect(page.locator("h1")).to_have_text("断网的客户")
    assert page.evaluate("sessionStorage.getItem('draft')") is None
    one.complaints[:] = [text for text in one.complaints if "502" not in text and "ERR_INTERNET" not in text and "htmx:" not in text]


def test_nothing_typed_outlives_the_session(seat: Open) -> None:
    one = seat().sign_in()
    one.go("/customers/new").locator("#f-name").fill("张三")
    assert "张三" in one.page.evaluate("sessionStorage.getItem('draft')")
    one.page.locator("details.drop summary").last.click()
    one.page.locator("[data-lock] button").click()
    expect(one.page.locator("#lock")).to_be_visible()
    assert one.page.evaluate("sessionStorage.getItem('draft')") is None


def test_back_keeps_the_page_and_the_place(seat: Open) -> None:
    one = seat(language="en").sign_in()
    page = one.go("/parameters")
    page.set_viewport_size({"width": 1280, "height": 300})
    row = page.locator("#list tr[data-doc]").nth(18)
    row.scroll_into_view_if_needed()
    page.wait_for_timeout(400)
    there = page.evaluate("scrollY")
    assert there > 100
    row.locator("td").nth(1).click(position={"x": 4, "y": 4})
    expect(page.locator("article.doc")).to_be_visible()
    page.go_back()
    expect(page.locator("#list")).to_be_visible()
    eventually(lambda: abs(page.evaluate("scrollY") - there) < 120, "the place is found again")
    page.locator("#list .open").first.focus()
    with one.context.expect_page() as other:
        page.locator("#list tr[data-doc]").first.locator("td").nth(1).click(modifiers=["Control"], position={"x": 4, "y": 4})
    other.value.close()


def test_a_work_list_keeps_itself_up_to_date(seat: Open, little_company: Company) -> None:
    """A new order comes into the open list and into the badge by itself; what is typed and where one stands stay."""
    Case(little_company).register()
    one = seat().sign_in()
    [site] = little_company.sites  # its few orders alone: the page is never full
    page = one.go(f"/work-orders?state=registered&site_id={site.id}")
    badge = page.locator('.side [data-work="work-orders"]')
    expect(badge).to_be_visible()
    before = page.locator("#list tr[data-doc]").count()
    page.locator("[data-find]").fill("还没打完")
    case = Case(little_company).register()
    expect(page.locator(f'#list tr[data-doc="work-orders/{case.id}"]')).to_be_visible(timeout=15000)
    assert page.locator("#list tr[data-doc]").count() == before + 1
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("[data-find]")).to_have_value("还没打完")
    expect(page.locator("[data-find]")).to_be_focused()
    one.shot("work-list")
