"""Administration in the console: acting for a unit, the locked screen, users, roles, the tree, devices (G-01, G-03, G-08 … G-22)."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.support.case import Case
from tests.support.client import Client
from tests.support.company import PASSWORD, Company
from tests.support.suites import ADMIN_PASSWORD

KEEP_ASKING = """() => {
  window.asking = true;
  const again = async (path) => { while (window.asking) await fetch(path); };
  window.asked = Promise.all(["/work", "/parts", "/"].map(again));
}"""


def mark() -> str:
    return uuid.uuid4().hex[:8]


def menu(page: Page, text: str) -> None:
    """An entry of the user's menu."""
    page.locator(".bar .drop summary").last.click()
    page.locator(".drop-panel .drop-item", has_text=text).click()


def press(page: Page, verb: str) -> None:
    page.locator(f'[data-action="{verb}"]').click()


def test_acting_for_a_unit_and_back(seat: Open, little_company: Company) -> None:
    """With a reason, a banner on every page, both names on what is done, and back by one press (G-21)."""
    site = little_company.sites[0]
    case = Case(little_company).walk()
    chair = seat().sign_in()
    page = chair.page
    page.goto(f"{chair.base}/org-units?code={site.code}")
    page.locator("a.open").click()
    page.get_by_role("link", name="切换用户").last.click()
    expect(page.locator('[name="org_unit_code__text"]')).not_to_have_value("")
    page.locator("[data-submit]").click()
    expect(page.locator(".problem")).to_be_visible()  # not without a reason
    page.locator('[name="reason"]').fill("客户应为保内")
    chair.shot("act-for-zh")
    page.locator("[data-submit]").click()
    expect(page.locator(".acting")).to_contain_text(site.code)

    page.goto(f"{chair.base}/work-orders/{case.id}")
    expect(page.locator(".acting")).to_be_visible()
    press(page, "unaudit")
    page.locator('[name="reason"]').fill("客户应为保内")
    chair.shot("unaudit-zh")
    page.locator("[data-submit]").click()
    expect(page.locator(".told")).to_have_text("已反审核")
    press(page, "rebill")
    page.locator('input[name="charged_to"][value="maker"]').check()
    chair.shot("rebill-zh")
    page.locator("[data-submit]").click()
    expect(page.locator(".told")).to_have_text("已重新结算")
    page.goto(f"{chair.base}/work-orders/{case.id}?tab=timeline")  # the head names whoever came last: soon the system, with the bill
    expect(page.locator("main")).to_contain_text(f"admin/{site.code}")
    chair.shot("acting-zh")

    page.locator(".acting button").click()
    expect(page.locator(".acting")).to_have_count(0)
    page.goto(f"{chair.base}/org-units?code=HQ")
    expect(page.locator("a.open")).to_have_count(1)  # seen from headquarters again


def test_another_tab_asks_while_one_comes_back(seat: Open, little_company: Company) -> None:
    """What a tab asks by itself is answered with the session that has just ended: it must not take the own one's cookies away."""
    site = little_company.sites[0]
    chair = seat().sign_in()
    for _ in range(4):
        page = chair.go(f"/act-for?org_unit_code={site.code}")
        page.locator('[name="reason"]').fill("替网点处理")
        page.locator("[data-submit]").click()
        expect(page.locator(".acting")).to_be_visible()
        other = chair.context.new_page()
        other.goto(f"{chair.base}/")
        other.evaluate(KEEP_ASKING)
        page.locator(".acting button").click()
        expect(page.locator(".acting")).to_have_count(0)
        other.evaluate("() => { window.asking = false; return window.asked; }")
        other.close()
        page.goto(f"{chair.base}/org-units?code=HQ")
        expect(page.locator("a.open")).to_have_count(1)


def test_the_locked_screen_keeps_the_work(seat: Open, little_company: Company) -> None:
    """A sheet with the user's name over what was typed; in every tab; only his password takes it away (G-03)."""
    site = little_company.sites[0]
    chair = seat().sign_in(site.as_("agent").username, PASSWORD)
    page = chair.page
    page.goto(f"{chair.base}/customers/new")
    page.locator('[name="name"]').fill("写到一半的客户")
    other = chair.context.new_page()
    other.goto(f"{chair.base}/work-orders")
    page.bring_to_front()
    menu(page, "锁定屏幕")
    sheet = page.locator("#lock")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text(f"agent-{site.code}".lower())
    expect(other.locator("#lock")).to_be_visible()
    chair.shot("locked-zh")
    page.keyboard.press("Escape")
    page.keyboard.press("F9")
    expect(sheet).to_be_visible()
    third = chair.context.new_page()
    third.goto(f"{chair.base}/work-orders")
    expect(third).to_have_url(f"{chair.base}/locked?next=/work-orders")
    third.close()
    sheet.locator("#lock-password").fill("wrong-password")
    sheet.locator("button", has_text="解锁").click()
    expect(sheet.locator(".wrong")).to_contain_text("第 1 次")
    sheet.locator("#lock-password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(sheet).to_be_hidden()
    expect(other.locator("#lock")).to_be_hidden()
    expect(page.locator('[name="name"]')).to_have_value("写到一半的客户")
    page.locator("[data-submit]").click()
    expect(page.locator("article[data-doc]")).to_be_visible()


def test_locked_after_a_reload_and_five_wrong_passwords(seat: Open, admin: Client, little_company: Company) -> None:
    """The page that stands in for the sheet, without scripts too; the fifth wrong password signs out and locks."""
    username = f"lock-{mark()}"
    user = little_company.user(username, little_company.sites[0].code, ["agent"])
    chair = seat(scripts=False, language="en").sign_in(username, PASSWORD)
    page = chair.page
    menu(page, "Lock the screen")
    expect(page.locator(".lock-who")).to_contain_text(username)
    chair.go("/work-orders?state=ready")
    expect(page.locator(".lock-who")).to_be_visible()
    chair.shot("locked-page-en")
    page.locator("#lock-password").fill(PASSWORD)
    page.locator("button", has_text="Unlock").click()
    expect(page).to_have_url(f"{chair.base}/work-orders?state=ready")
    menu(page, "Lock the screen")
    for attempt in range(1, 6):
        page.locator("#lock-password").fill("wrong")
        page.locator("button", has_text="Unlock").click()
        if attempt < 5:
            expect(page.locator(".wrong")).to_contain_text(f"attempt {attempt}.")
    expect(page.locator("#username")).to_be_visible()
    assert admin.get(f"/users/{user['id']}")["locked"] is True


def test_a_user_is_unlocked_reset_sent_away_deleted_and_restored(seat: Open, little_company: Company) -> None:
    site = little_company.sites[0]
    username = f"u-{mark()}"
    user = little_company.user(username, site.code, ["agent"])
    for _ in range(5):
        little_company.admin.call("POST", "/auth/token", {"grant_type": "password", "username": username, "password": "wrong"})
    chair = seat().sign_in()
    page = chair.page
    page.goto(f"{chair.base}/users?q={username[2:8]}")
    page.locator("a.open", has_text=username).click()
    expect(page.locator('[data-action="restore"]')).to_have_count(0)
    chair.shot("user-locked-zh")
    press(page, "unlock")
    expect(page.locator(".told")).to_have_text("已解锁")
    expect(page.locator('[data-action="unlock"]')).to_have_count(0)
    press(page, "reset-password")
    page.locator('[name="admin_password"]').fill(ADMIN_PASSWORD)
    page.locator("[data-submit]").click()
    expect(page.locator(".once code")).to_be_visible()
    page.goto(f"{chair.base}/users/{user['id']}")
    for verb, left in (("force-off", "delete"), ("delete", "restore"), ("restore", "delete")):
        press(page, verb)
        if verb != "restore":
            page.locator("[data-submit]").click()
        expect(page.locator(f'[data-action="{left}"]')).to_be_visible()
    page.locator("[data-edit]").click()
    page.locator('input[name="active"][value="false"]').check()
    page.locator("[data-submit]").click()
    expect(page.locator("article[data-doc]")).to_contain_text("停用")


def test_a_role_is_built_by_ticking_rights(seat: Open) -> None:
    code = f"r{mark()}"
    chair = seat().sign_in()
    page = chair.go("/roles/new")
    page.locator('[name="code"]').fill(code)
    page.locator('[name="name_zh"]').fill("前台")
    page.locator('[name="name_en"]').fill("Front desk")
    for right in ("orders.work_order.read", "callcenter.customer.create"):
        page.locator(f'input[name="permissions"][value="{right}"]').check()
    chair.shot("role-new-zh")
    page.locator("[data-submit]").click()
    expect(page.locator("article[data-doc] .tag")).to_have_count(2)
    page.locator("[data-edit]").click()
    expect(page.locator('input[name="permissions"]:checked')).to_have_count(2)
    page.locator('input[name="permissions"][value="callcenter.customer.create"]').uncheck()
    page.locator("[data-submit]").click()
    expect(page.locator("article[data-doc] .tag")).to_have_count(1)


def test_the_tree_with_a_department_moved_and_deleted(seat: Open, little_company: Company) -> None:
    site = little_company.sites[0]
    leader = little_company.user(f"lead-{mark()}", site.code, ["manager"])
    code = f"D{mark()}".upper()
    chair = seat().sign_in()
    page = chair.go("/org-units/new")
    page.locator('[name="code"]').fill(code)
    page.locator('[name="name"]').fill("家电维修部")
    page.locator('[name="kind"]').select_option("department")
    chair.pick("parent_code", site.code)
    chair.pick("leader_id", leader["username"])
    page.locator('[name="duties"]').fill("家电维修")
    page.locator('input[name="roles"][value="technician"]').check()
    chair.shot("org-unit-new-zh")
    page.locator("[data-submit]").click()
    expect(page.locator("article[data-doc]")).to_contain_text("部门")
    expect(page.locator("article[data-doc]")).to_contain_text(leader["username"])
    unit = page.url
    chair.go("/org-units")
    expect(page.locator("a.open.depth-1", has_text="HQ")).to_be_visible()
    chair.shot("org-units-zh")
    page.goto(unit)
    press(page, "move")
    chair.pick("parent_code", little_company.south.code)
    page.locator("[data-submit]").click()
    expect(page.locator(".told")).to_have_text("已调整")
    page.goto(f"{chair.base}/org-units?code={site.code}")
    page.locator("a.open").click()
    expect(page.locator('[data-action="delete"]')).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#gate-delete")).to_contain_text("不能删除")
    chair.shot("has-children-zh")
    page.goto(unit)
    press(page, "delete")
    page.locator("[data-submit]").click()
    press(page, "restore")
    expect(page.locator('[data-action="delete"]')).to_be_visible()


def test_a_new_device_waits_and_is_approved(seat: Open, admin: Client, little_company: Company) -> None:
    """The browser is the device (G-22): refused at first, let in when the manager has approved it; with the site's number (G-01)."""
    parent = little_company.north.code
    code = f"T{mark()}".upper()
    unit = admin.created("/org-units", {"code": code, "name": "设备网点", "kind": "site", "parent_code": parent})
    username = f"dev-{mark()}"
    little_company.user(username, code, ["agent"])
    assert admin.call("PATCH", f"/org-units/{unit['id']}", {"devices_checked": True}).ok
    chair = seat(language="en")
    page = chair.go("/sign-in")

    def try_() -> None:
        page.locator("#org_unit_code").fill(code)
        page.locator("#username").fill(username)
        page.locator("#password").fill(PASSWORD)
        page.locator(".door .btn-primary").click()

    try_()
    expect(page.locator(".problem")).to_contain_text("not approved")
    expect(page.locator("#org_unit_code")).to_have_value(code)
    chair.shot("device-refused-en")
    boss = seat(language="en").sign_in()
    boss.go("/sign-in-devices?state=pending")
    boss.shot("devices-en")
    device = next(one for one in admin.pages("/sign-in-devices", state="pending") if one["first_username"] == username)
    boss.go(f"/sign-in-devices/{device['id']}")
    press(boss.page, "approve")
    expect(boss.page.locator('[data-action="revoke"]')).to_be_visible()
    try_()
    expect(page.locator(".bar")).to_be_visible()


@pytest.mark.parametrize("path", ["/login-status", "/audit-log?q=act-for", "/credits", "/reversals", "/refunds"])
def test_lists_of_administration_and_money(seat: Open, path: str) -> None:
    chair = seat(language="en").sign_in()
    page = chair.go(path)
    expect(page.locator("#list")).to_be_visible()
    expect(page.locator(".problem")).to_have_count(0)
    chair.shot(f"list-{path.strip('/').partition('?')[0]}-en")
