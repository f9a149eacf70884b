"""Static files: what comes from others is listed and unchanged, everything is kept by browsers, pages stay small."""

from __future__ import annotations

import hashlib
import json

from console import assets
from tests.unit.console.conftest import ID, Browser

MANIFEST = json.loads((assets.FOLDER / "vendor/manifest.json").read_text("utf-8"))["assets"]


def test_what_comes_from_others_is_what_the_manifest_says() -> None:
    listed = {entry["file"]: entry for entry in MANIFEST}
    served = {name for name in assets.table() if name.startswith("vendor/")}
    assert served == set(listed)
    for name, entry in listed.items():
        assert hashlib.sha256(assets.table()[name].content).hexdigest() == entry["sha256"], name
        assert entry["name"] and entry["version"] and entry["licence"]


def test_files_are_kept_for_long_by_their_content(browser: Browser) -> None:
    answer = browser.get(assets.url("tokens.css"), headers={"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["Cache-Control"] and answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"].startswith("text/css") and "Set-Cookie" not in answer.headers
    assert browser.get("/static/tokens.css?old").headers["Cache-Control"] == "no-cache"
    assert (
        browser.get("/static/tokens.css", headers={"If-None-Match": answer.headers["ETag"]}).status_code
        == 304
    )
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/vendor/manifest.json",
        "/static/nothing.css",
    ):
        assert browser.get(path).status_code == 404


def test_a_first_page_is_small(browser: Browser) -> None:
    headers = {"Accept-Encoding": "gzip"}
    page = browser.get("/gadgets", headers=headers)
    files = [browser.get(assets.url(name), headers=headers) for name in assets.table()]
    assert page.headers["Content-Encoding"] == "gzip"
    assert len(page.data) + sum(len(f.data) for f in files) < 300 * 1024 and len(files) + 1 <= 15
    for path in ("/gadgets", f"/gadgets/{ID}", "/gadgets/new"):
        assert len(browser.get(path, headers=headers).data) < 40 * 1024


def test_colours_are_tokens() -> None:
    """One place for colours, so that both themes stay whole."""
    import re

    css = assets.table()["console.css"].content.decode()
    css = re.sub(r"url\([^)]*\)|light-dark\([^)]*\)", "", css)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", css)
