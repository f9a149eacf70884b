"""Partners' systems (G-25) by console alone: the pages come from the contract, the secret is shown once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.client import Client
from tests.support.company import Company
from tests.support.suites import RunningSuite

SECRET = re.compile(r"ask_[\w-]{43}")
WORDS = {
    "zh-CN": ("合作伙伴接口", "权限范围", "更换密钥", "此内容只显示这一次", "接口调用日志"),
    "en": ("Partners", "Scopes", "Change the key", "This is shown only once", "Partner calls"),
}


@pytest.mark.parametrize("language", WORDS)
def test_the_secret_is_shown_once(seat: Open, suite: RunningSuite, little_company: Company, language: str) -> None:
    partners, scopes, change_key, once, calls = WORDS[language]
    one = seat(language=language).sign_in()
    page = one.go("/partners")
    expect(page.locator("h1")).to_contain_text(partners)
    page = one.go("/partners/new")
    expect(page.locator("form[data-save]")).to_contain_text(scopes)
    name = f"Dealer {language} {little_company.mark}"
    page.locator("#f-name").fill(name)
    one.pick("org_unit_code", little_company.sites[0].code)
    page.locator("#f-scopes").fill("orders.work_order.read\norders.work_order.create")
    page.locator("#f-expires_at").fill("2030-01-31 08:00")
    page.locator("#f-networks").fill("127.0.0.0/8")
    one.shot(f"partners-new-{language}")
    page.locator("[data-submit]").click()
    expect(page.locator(".once")).to_contain_text(once)
    shown = SECRET.search(page.locator(".once").inner_text())
    assert shown is not None
    one.shot(f"partners-made-{language}")
    client_id = re.search(r"pc-[0-9a-f]{16}", page.locator("main").inner_text())
    assert client_id is not None, "the other half of what the partner signs in with stands beside it"
    grant = {"grant_type": "client_credentials", "client_id": client_id[0], "client_secret": shown[0]}
    assert Client(suite.base).call("POST", "/auth/client-token", grant).ok, "and it works"
    page.reload()
    expect(page.locator("h1")).to_contain_text(name)
    assert not SECRET.search(page.content())
    page.get_by_text(change_key).first.click()
    page.locator("[data-submit]").click()
    expect(page.locator(".once")).to_contain_text(once)
    again = SECRET.search(page.locator(".once").inner_text())
    assert again is not None and again[0] != shown[0]
    page = one.go("/partner-calls")
    expect(page.locator("h1")).to_contain_text(calls)
    expect(page.locator("table")).to_contain_text("gateway.partners.token")
    one.shot(f"partner-calls-{language}")
