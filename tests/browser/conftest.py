"""Headless Chromium against the running suite. Skips plainly where there is no Chromium."""

from __future__ import annotations

import os
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.support.client import Client
from tests.support.company import Company
from tests.support.suites import ADMIN_PASSWORD, RunningSuite

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first is the same engine without a window: pages of it take two thirds of the time."""
CHROMIUM = os.environ.get("AFTERSALES_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SHOTS = os.environ.get("AFTERSALES_SCREENSHOTS", "")
expect.set_options(timeout=15_000)  # other suites start beside these pages: a password alone may take seconds then
Open = Callable[..., "Seat"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Pages are the same whatever carries the events: one suite is enough for them."""
    here = str(Path(__file__).parent)
    again = [
        item
        for item in items
        if str(item.path).startswith(here)
        and getattr(item, "callspec", None)
        and item.callspec.params.get("mode") == "servers"  # type: ignore[attr-defined]
    ]
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in set(again)]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of a module and not of the session: Playwright's event loop must not outlive the tests that want it. Skipped where a developer
    has no browser, which `./aftersales` cannot bring; `.ci/run` installs one."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: chromium-headless-shell, fonts-noto-cjk)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Seat:
    """A user in front of the console."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.context, self.base = context, base
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: ConsoleMessage) -> None:
        expected = "the server responded with a status of 4" in message.text  # refusals the test wants
        left = message.text.startswith(("htmx:sendAbort,", "htmx:afterRequest,"))  # the page was left while it asked
        if message.type == "error" and not expected and not left:
            self.complaints.append(message.text)

    def go(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def sign_in(self, username: str = "admin", password: str = ADMIN_PASSWORD) -> Seat:
        self.go("/sign-in")
        self.page.locator("#username").fill(username)
        self.page.locator("#password").fill(password)
        self.page.locator(".door .btn-primary").click()
        expect(self.page.locator(".bar")).to_be_visible()
        return self

    def pick(self, name: str, text: str, nth: int = 0) -> None:
        """Types into a picker and takes the first suggestion with the keyboard."""
        box = self.page.locator(f'[name="{name}__text"]')
        box.fill(text)
        expect(box.locator("xpath=following-sibling::*").locator("[data-value]").first).to_be_visible()
        for _ in range(nth + 1):
            box.press("ArrowDown")
        box.press("Enter")
        expect(self.page.locator(f'input[type=hidden][name="{name}"]')).not_to_have_value("")

    def shot(self, name: str) -> None:
        """A picture for people to look at, where AFTERSALES_SCREENSHOTS names a folder. Taken by the browser itself:
        ``page.screenshot`` puts a style of its own into the page, and the page's policy complains of that."""
        if SHOTS:
            devtools = self.context.new_cdp_session(self.page)
            size = devtools.send("Page.getLayoutMetrics")["cssContentSize"]
            whole = {"clip": {**size, "scale": 1}, "captureBeyondViewport": True}
            (Path(SHOTS) / f"{name}.png").write_bytes(b64decode(devtools.send("Page.captureScreenshot", whole)["data"]))
            devtools.detach()


@pytest.fixture
def seat(chromium: Browser, suite: RunningSuite) -> Iterator[Open]:
    """Opens seats: ``seat(language="en", theme="dark", width=390, scripts=False)``. What a page complains of in the
    browser's console (a blocked script, an exception) fails the test."""
    seats: list[Seat] = []

    def open_(
        language: str = "zh-CN", theme: str = "light", width: int = 1280, scripts: bool = True, **options: Any
    ) -> Seat:
        context = chromium.new_context(
            viewport={"width": width, "height": 800},
            java_script_enabled=scripts,
            accept_downloads=True,
            **options,
        )
        context.add_cookies(
            [
                {"name": "aftersales_lang", "value": language, "url": suite.base},
                {"name": "aftersales_theme", "value": theme, "url": suite.base},
            ]
        )
        seats.append(Seat(context, suite.base))
        return seats[-1]

    yield open_
    for one in seats:
        one.context.close()
    assert not [text for one in seats for text in one.complaints]


@pytest.fixture(scope="session")
def little_company(admin: Client) -> Company:
    """One site, stocked."""
    company = Company(admin, sites=1)
    company.receive(company.sites[0], [(part["id"], 100) for part in company.parts])
    return company
