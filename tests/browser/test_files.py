"""Files of documents in the console, with scripts and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support import files
from tests.support.case import Case
from tests.support.company import Company


@pytest.mark.parametrize(("language", "scripts"), [("zh-CN", True), ("en", False)])
def test_files_of_a_work_order(seat: Open, little_company: Company, language: str, scripts: bool) -> None:
    """A photo goes up and comes back the same; what is no photo is refused in words; what was deleted comes back."""
    order = Case(little_company, little_company.sites[0]).register()
    one = seat(language=language, scripts=scripts).sign_in()
    photo, page = files.png(padding=3_000_000), one.go(f"/work-orders/{order.id}")
    said = {"zh-CN": ("还没有附件", "文件名后缀与内容不符", "附件已上传"), "en": ("No files yet", "does not fit", "File added")}[language]
    expect(page.locator("#doc-files")).to_contain_text(said[0])

    def send(name: str, content: bytes) -> None:
        page.locator("#doc-files input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
        page.locator("#doc-files .files-add button").click()

    send("旧件.jpg", photo)
    expect(page.locator("#doc-files .problem")).to_contain_text(said[1])
    send("旧件.png", photo)
    expect(page.locator("body")).to_contain_text(said[2])
    expect(page.locator("#doc-files")).to_contain_text("2.9 MB")
    one.shot(f"files-{language}")
    with page.expect_download() as started:
        page.locator("#doc-files .files a").click()
    assert started.value.suggested_filename == "旧件.png"
    assert Path(started.value.path()).read_bytes() == photo
    page.locator("#doc-files .files form button").click()
    expect(page.locator("#doc-files")).to_contain_text(said[0])
    page.locator("#doc-files a[href*=deleted]").click()
    expect(page.locator("#doc-files")).to_contain_text("旧件.png")
    page.locator("#doc-files form[action$=restore] button").click()
    expect(page.locator("#doc-files .files a")).to_have_text("旧件.png")
