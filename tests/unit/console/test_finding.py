"""The search on top: which kinds a text is looked for among, what is shown of them, and what when a service is away."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from console import finding
from console.contracts import Model
from console.screen import screens
from tests.unit.console.answers import DROPPED, Answers, Asked
from tests.unit.console.conftest import DOCUMENT, ID, MAKER, OTHER, USER, Browser

GADGETS = {"gadgets": {"by": {"q": "any"}, "tell": ["state", "name", "price", "made_on"]}, "gadget-makers": {"by": {"q": "words"}, "tell": []}}


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(screens(), "find", GADGETS)


def many(count: int, **more: Any) -> tuple[int, dict[str, Any]]:
    items = [{**DOCUMENT, "id": f"{ID[:-2]}{n:02}", "number": f"GD2611{n:04}"} for n in range(count)]
    return 200, {"items": items, "next_cursor": None, **more}


def test_every_kind_is_asked_once_and_shown_with_what_tells_it_apart(browser: Browser, answers: Answers) -> None:
    page = browser.page("/find?q=Dri")
    asked = [(a.path, a.query) for a in answers.asked if a.path in ("/gadgets", "/gadget-makers")]
    assert sorted(asked) == [("/gadget-makers", {"q": "Dri", "limit": "6"}), ("/gadgets", {"q": "Dri", "limit": "6"})]
    assert f'href="/gadgets/{ID}">GD26110001</a>' in page and f'href="/gadget-makers/{MAKER}">Falke</a>' in page
    for told in ("Drill", "1,234.50", "2026-11-05", "is-waiting"):
        assert told in page
    assert 'value="Dri"' in page, "what was typed stands in the box"


def test_what_is_more_leads_to_the_list_with_the_condition_set(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = lambda asked: many(1, total=73) if asked.query.get("total") else many(6)
    page = browser.page("/find?q=a%26b")
    assert page.count('href="/gadgets/') == 5 and 'href="/gadgets?q=a%26b">All 73 hits' in page
    assert len(answers.calls("GET", "/gadget-makers")) == 1, "only what has more is counted"
    answers.asked.clear()
    assert "All hits in" in browser.page("/find?q=a%26b&suggest=1")
    assert not [a for a in answers.asked if a.query.get("total")], "nothing is counted while somebody types"


@pytest.mark.parametrize(
    ("typed", "straight"),
    [("GD26110001", True), ("gd26110001", True), (" GD-2611 0001 ", True), ("ＧＤ２６１１０００１", True), ("GD2611000", False), ("Falke", False)],
)
def test_the_whole_number_of_one_document_opens_it(browser: Browser, typed: str, straight: bool) -> None:
    answer = browser.get("/find", query_string={"q": typed})
    assert (answer.status_code, answer.headers.get("Location")) == ((303, f"/gadgets/{ID}") if straight else (200, None))
    assert browser.get("/find", query_string={"q": typed, "suggest": "1"}).status_code == 200, "suggestions lead nowhere by themselves"


def test_a_number_that_two_have_opens_neither(browser: Browser, answers: Answers) -> None:
    twins = [dict(DOCUMENT), {**DOCUMENT, "id": OTHER}]
    answers.rules["GET", "/gadgets"] = (200, {"items": twins, "next_cursor": None})
    assert browser.page("/find?q=GD26110001").count(">GD26110001</a>") == 2


def test_nobody_searches_what_he_may_not_list(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/me"] = (200, {**USER, "permissions": ["toys.maker.read"]})
    page = browser.page("/find?q=Dri")
    assert not answers.calls("GET", "/gadgets") and "GD26110001" not in page and "Falke" in page
    session = browser.page("/find")
    assert "gadgets" not in session.split("<main")[1].split("</main")[0]


def test_who_may_list_nothing_has_no_box(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/me"] = (200, {**USER, "permissions": []})
    assert "data-find" not in browser.page("/shortcuts")
    assert not answers.calls("GET", "/gadgets")


@pytest.mark.parametrize("way", ["away", "late", "broken"])
def test_a_service_that_is_away_is_named_and_the_others_are_shown(browser: Browser, answers: Answers, way: str) -> None:
    shown = threading.Event()

    def late(_: Asked) -> tuple[int, Any]:
        shown.wait(30)  # a page that waited for its slowest kind would name nobody
        return 200, {"items": []}

    answers.rules["GET", "/gadgets"] = {"away": (503, {"code": "unavailable"}), "late": late, "broken": (DROPPED, None)}[way]
    page = browser.page("/find?q=Dri").split("<main")[1]
    shown.set()
    assert "No answer at present from: " in page and "gadgets" in page.split("No answer")[1].split("</p>")[0] and "Falke" in page


def test_a_condition_that_is_refused_finds_nothing(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = (400, {"code": "validation_failed"})
    page = browser.page("/find?q=Dri")
    assert "Falke" in page and "No answer" not in page


def test_what_was_searched_is_said_where_nothing_is_found(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = answers.rules["GET", "/gadget-makers"] = (200, {"items": [], "next_cursor": None})
    page = browser.page("/find?q=%3Cb%3EQ")
    assert "Nothing found for “&lt;b&gt;Q”" in page and "<b>Q" not in page and "Searched:" in page
    assert "Nothing found" in browser.page("/find?q=Q&suggest=1")


def test_an_expired_token_is_renewed(browser: Browser, answers: Answers) -> None:
    def once(asked: Asked) -> tuple[int, Any]:
        old = asked.headers["Authorization"] == "Bearer access-1"
        return (401, {"code": "unauthenticated"}) if old else (200, {"items": [dict(DOCUMENT)], "next_cursor": None})

    answers.rules["GET", "/gadgets"] = once
    answers.rules["POST", "/auth/token"] = (200, {"access_token": "access-2", "refresh_token": "refresh-2", "expires_in": 600})
    assert "GD26110001" in browser.page("/find?q=Dri")


@pytest.mark.parametrize(
    "typed", ["\x00", "a\x00b", "%", "%25%27--", "\r\n\tx", "x" * 10_000, "\u202eabc", "\ud7ff\uffff", "' OR 1=1", "<script>", "﷽" * 100, "\u200b", "🔧"]
)  # fmt: skip
@pytest.mark.parametrize("suggest", ["", "1"])
def test_hostile_texts_get_a_page(browser: Browser, answers: Answers, typed: str, suggest: str) -> None:
    answer = browser.get("/find", query_string={"q": typed, "suggest": suggest})
    assert answer.status_code == 200 and "<script>alert" not in answer.text
    for asked in answers.calls("GET", "/gadgets"):
        assert len(asked.query["q"]) <= finding.LONGEST and asked.query["q"].isprintable()
    if len(finding.cleaned(typed)) > finding.LONGEST:
        assert "at most 100 characters" in answer.text and not answers.calls("GET", "/gadgets")


def test_bytes_that_are_no_text_get_a_page(browser: Browser) -> None:
    assert browser.get("/find?q=%ff%fe%00").status_code == 200


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("张伟", "work-orders customers:q parts products"),
        ("13800138000", "work-orders customers:phone devices parts products"),
        ("138 0013 8000", "work-orders customers:phone devices parts products"),
        ("BL26110007", "work-orders customers:q devices bills payments refunds reversals requisitions hand-over-slips stock-receipts parts products"),
        ("SN 77", "work-orders customers:q devices parts products"),
        ("12", "work-orders devices parts products"),
        ("8000", "work-orders customers:phone devices parts products"),
    ],
)
def test_a_text_is_looked_for_where_it_may_stand(monkeypatch: pytest.MonkeyPatch, text: str, kinds: str) -> None:
    monkeypatch.undo()
    model = Model.of_contracts()
    found = {}
    for name, how in screens()["find"].items():
        resource = model.resources[name]
        offered = {f.name for f in resource.list.query if resource.list}  # type: ignore[union-attr]
        assert set(how["by"]) <= offered and set(how["by"].values()) <= set(finding.SHAPES), name
        assert set(how["tell"]) <= {f.name for f in resource.list.answer if resource.list}, name  # type: ignore[union-attr]
        if query := finding.asked(resource, how, text):
            found[name] = next(iter(query))
    wanted = {entry.partition(":")[0]: entry.partition(":")[2] for entry in kinds.split()}
    assert list(found) == list(wanted) and all(condition in ("", found[name]) for name, condition in wanted.items())
