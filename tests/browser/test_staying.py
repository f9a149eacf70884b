"""A console that stays open all day: pages left behind, tokens that end, sessions that are over."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.support.case import Case
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
