"""The way back through a list: page by page, in the address, bounded."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise

from console.trail import LONGEST, Trail
from tests.unit.console.answers import Answers, Asked
from tests.unit.console.conftest import DOCUMENT, Browser


def walked(pages: int, length: int = 8) -> list[Trail]:
    """The trails of pages 1 … n, each read from the address that the one before gave."""
    found = [Trail()]
    for n in range(2, pages + 1):
        address = found[-1].next(f"c{n}".ljust(length, "x"))
        found.append(Trail.read(address["cursor"] or "", address["back"] or ""))
    return found


def back(trail: Trail) -> Trail | None:
    address = trail.previous
    return None if address is None else Trail.read(address["cursor"] or "", address["back"] or "")


def test_back_goes_through_the_same_pages() -> None:
    pages = walked(6)
    assert back(pages[0]) is None, "nothing is before the first"
    for before, page in pairwise(pages):
        assert back(page) == before


def test_a_long_way_forgets_its_beginning_and_never_skips_a_page() -> None:
    pages = walked(60, length=120)
    assert len(pages[-1].next("c")["back"] or "") <= LONGEST
    trail, steps = pages[-1], 0
    while (before := back(trail)) is not None:
        steps += 1
        assert before.cursor == pages[-1 - steps].cursor
        trail = before
    assert 20 < steps < 59 and trail.cursor, "what is forgotten is not mistaken for the first page"


def test_the_links_of_a_list(browser: Browser, answers: Answers) -> None:
    def page(asked: Asked) -> tuple[int, dict[str, object]]:
        return 200, {"items": [DOCUMENT], "next_cursor": f"c{int(asked.query.get('cursor', 'c1')[1:]) + 1}"}

    answers.rules["GET", "/gadgets"] = page

    def link(text: str, rel: str) -> str | None:
        found = re.search(rf'rel="{rel}" href="([^"]+)"', text)
        return unescape(found[1]) if found else None

    addresses = ["/gadgets?state=open"]
    assert link(browser.page(addresses[0]), "prev") is None
    for _ in range(3):
        addresses.append(link(browser.page(addresses[-1]), "next") or "")
    for before, address in pairwise(addresses):
        assert link(browser.page(address), "prev") == before
    assert browser.get("/gadgets?cursor=c5&back=" + "y~" * 5000).status_code == 200
