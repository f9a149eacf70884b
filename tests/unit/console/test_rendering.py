"""A resource nobody wrote a page for is listed, shown, created, edited and acted on, from its contract alone."""

from __future__ import annotations

import pytest

from console.contracts import Model
from console.i18n import Words
from console.screen import screens
from gateway.settings.catalogue import definitions
from tests.unit.console.answers import DROPPED, Answers
from tests.unit.console.conftest import DOCUMENT, ID, MAKER, OTHER, USER, Browser


def test_menu_and_list(browser: Browser, answers: Answers) -> None:
    page = browser.page("/gadgets?state=open&sort=-price")
    assert answers.calls("GET", "/gadgets")[0].query == {"limit": "50", "state": "open", "sort": "-price"}
    assert answers.calls("GET", "/gadgets")[0].headers["Authorization"] == "Bearer access-1"
    for shown in (
        "GD26110001",
        "1,234.50",
        "Falke",
        "2026-11-05",
        'href="/gadgets/new"',
        'aria-sort="descending"',
    ):
        assert shown in page
    assert "cursor=next-one" in page and "state=open" in page
    assert 'href="/gadget-makers"' in page
    assert page.count("<th ") == page.count("<td "), "one cell per column"


def test_no_right_no_menu_no_button(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/me"] = (200, {**USER, "permissions": ["toys.gadget.read"]})
    page = browser.page(f"/gadgets/{ID}")
    assert 'href="/gadget-makers"' not in page and f"/gadgets/{ID}/cancel" not in page and "/edit" not in page
    assert 'href="/gadgets/new"' not in browser.page("/gadgets")


def test_actions_are_those_the_document_allows(browser: Browser, answers: Answers) -> None:
    page = browser.page(f"/gadgets/{ID}")
    assert f'action="/gadgets/{ID}/open"' in page, "nothing to fill in: the button does it"
    assert f'href="/gadgets/{ID}/cancel"' in page and page.index("/open") < page.index("/cancel")
    answers.rules["GET", f"/gadgets/{ID}"] = (200, {**DOCUMENT, "allowed_actions": ["open"]})
    assert f"/gadgets/{ID}/cancel" not in browser.page(f"/gadgets/{ID}")


def test_what_would_be_refused_is_grey_with_the_reason_for_everybody(browser: Browser, answers: Answers) -> None:
    gate = {"action": "open", "code": "bill_open", "text": "The customer still owes 12.00 <b>"}
    answers.rules["GET", f"/gadgets/{ID}"] = (200, {**DOCUMENT, "gates": [gate]})
    page = browser.page(f"/gadgets/{ID}")
    assert f'action="/gadgets/{ID}/open"' not in page
    button = page[page.rindex("<button", 0, page.index('data-action="open"')) :].split(">")[0]
    assert 'aria-disabled="true"' in button and 'aria-describedby="gate-open"' in button and " disabled" not in button, "focus reaches it"
    assert "The customer still owes 12.00 &lt;b&gt;" in page[page.index('id="gate-open"') :]
    assert f'href="/gadgets/{ID}/cancel"' in page, "the others stay as they are"


def test_a_document_that_can_be_changed_no_more_says_why(browser: Browser, answers: Answers) -> None:
    assert f'href="/gadgets/{ID}/edit"' in browser.page(f"/gadgets/{ID}")
    answers.rules["GET", f"/gadgets/{ID}"] = (200, {**DOCUMENT, "gates": [{"action": "update", "code": "bill_exists", "text": "It is billed <b>"}]})
    page = browser.page(f"/gadgets/{ID}")
    button = page[page.rindex("<button", 0, page.index('data-action="edit"')) :].split(">")[0]
    assert f'href="/gadgets/{ID}/edit"' not in page and 'aria-disabled="true"' in button
    assert "It is billed &lt;b&gt;" in page[page.index('id="gate-edit"') :]


def test_an_action_that_a_person_has_to_clear_is_refused_at_once(browser: Browser, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(screens(), "wait", {"gadgets.price": 0})
    bill = {"id": MAKER, "number": "BL26110007", "state": "open", "open_amount": "1214.80"}
    refusal = {"title": "The bill is not settled yet", "code": "bill_open", "trace_id": "t", "bills": [bill]}
    answers.rules["POST", f"/gadgets/{ID}/price"] = answers.rules["POST", f"/gadgets/{ID}/cancel"] = (409, refusal)
    told = browser.post(f"/gadgets/{ID}/price", {"price": "9"})
    assert told.status_code == 409 and "BL26110007" in told.text and "1,214.80" in told.text and 'value="9"' in told.text
    browser.post(f"/gadgets/{ID}/cancel", {"reason": "x"})
    sent = {verb: answers.calls("POST", f"/gadgets/{ID}/{verb}") for verb in ("price", "cancel")}
    assert [asked.headers.get("Prefer") for asked in sent["price"]] == ["wait=0"], "asked once, and nothing waits behind it"
    assert [asked.headers.get("Prefer") for asked in sent["cancel"]] == ["wait=1"], "others give word that is under way a moment"


def test_dangerous_actions_come_last(browser: Browser) -> None:
    page = browser.page(f"/gadgets/{ID}")
    assert page.index(f"/gadgets/{ID}/open") < page.index(f"/gadgets/{ID}/edit") < page.index(f"/gadgets/{ID}/cancel")


def test_the_system_has_a_name_for_people(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", f"/gadgets/{ID}"] = (200, {**DOCUMENT, "created_by": "system:toys.worker"})
    page = browser.page(f"/gadgets/{ID}")
    assert "· System" in page and "toys.worker" not in page


def test_an_action_carries_version_and_key(browser: Browser, answers: Answers) -> None:
    answers.rules["POST", f"/gadgets/{ID}/open"] = (200, DOCUMENT)
    answer = browser.post(f"/gadgets/{ID}/open", {"version": "7", "idempotency_key": "once-only"})
    asked = answers.calls("POST", f"/gadgets/{ID}/open")[0]
    assert (asked.body, asked.headers["If-Match"], asked.headers["Idempotency-Key"]) == ({}, "7", "once-only")
    assert (answer.status_code, answer.location) == (303, f"/gadgets/{ID}")
    assert 'class="told"' in browser.page(f"/gadgets/{ID}")
    assert 'class="told"' not in browser.page(f"/gadgets/{ID}"), "told once"


def test_what_is_typed_becomes_the_body(browser: Browser, answers: Answers) -> None:
    answers.rules["POST", "/gadgets"] = (201, DOCUMENT)
    typed = {
        "name": " Saw ", "price": "1,200", "made_on": "2026/11/5", "gadget_maker_id": "", "gadget_maker_id__text": "falke",
        "fragile": "false", "lines-0-count": "2", "lines-1-count": "", "lines-2-count": "4",
    }  # fmt: skip
    assert browser.post("/gadgets/new", typed).status_code == 303
    expected = {
        "name": "Saw", "price": "1200.00", "made_on": "2026-11-05", "gadget_maker_id": MAKER, "fragile": False,
        "lines": [{"count": 2}, {"count": 4}],
    }  # fmt: skip
    assert answers.calls("POST", "/gadgets")[0].body == expected


def test_refusal_stands_at_the_field_and_nothing_typed_is_lost(browser: Browser, answers: Answers) -> None:
    refusal = {"title": "Some fields are not valid", "code": "validation_failed", "trace_id": "trace-77",
               "errors": [{"field": "name", "code": "missing"}, {"field": "lines.0.count", "code": "out_of_range"}]}  # fmt: skip
    answers.rules["POST", "/gadgets"] = (400, refusal)
    answer = browser.post("/gadgets/new", {"price": "9.99", "lines-0-count": "-4"})
    assert answer.status_code == 400
    for shown in ("Some fields are not valid", "validation_failed", "trace-77", 'href="#f-name"', 'id="f-name-wrong"',
                  'value="9.99"', 'value="-4"', 'href="#f-lines-0-count"', "Please fill this in"):  # fmt: skip
        assert shown in answer.text


def test_refusal_of_one_named_field(browser: Browser, answers: Answers) -> None:
    answers.rules["POST", "/gadgets"] = (
        409,
        {"title": "Taken", "code": "duplicate", "field": "name", "trace_id": "t"},
    )
    answer = browser.post("/gadgets/new", {"name": "Saw", "price": "1"})
    assert answer.status_code == 409 and 'id="f-name-wrong"' in answer.text and 'value="Saw"' in answer.text


def test_what_cannot_be_understood_is_not_sent(browser: Browser, answers: Answers) -> None:
    answer = browser.post(
        "/gadgets/new", {"name": "Saw", "price": "cheap", "made_on": "someday", "gadget_maker_id__text": "no"}
    )
    answers.rules["GET", "/gadget-makers"] = (200, {"items": [], "next_cursor": None})
    assert answer.status_code == 422 and not answers.calls("POST", "/gadgets")
    assert 'value="cheap"' in answer.text and 'value="someday"' in answer.text


def test_an_ambiguous_name_is_asked_about(browser: Browser, answers: Answers) -> None:
    two = [{"id": MAKER, "name": "Falke One", "version": 1}, {"id": OTHER, "name": "Falke Two", "version": 1}]
    answers.rules["GET", "/gadget-makers"] = (200, {"items": two, "next_cursor": None})
    answer = browser.post("/gadgets/new", {"name": "Saw", "price": "1", "gadget_maker_id__text": "falke"})
    assert answer.status_code == 422 and not answers.calls("POST", "/gadgets")
    assert 'value="falke"' in answer.text and 'href="#f-gadget_maker_id"' in answer.text


def test_another_line_without_javascript(browser: Browser, answers: Answers) -> None:
    answer = browser.post("/gadgets/new", {"name": "Saw", "lines-0-count": "2", "add_row": "lines"})
    assert not answers.calls("POST", "/gadgets")
    assert 'name="lines-1-count"' in answer.text and 'value="Saw"' in answer.text


def test_an_edit_sends_only_what_changed(browser: Browser, answers: Answers) -> None:
    page = browser.page(f"/gadgets/{ID}/edit")
    assert 'value="Drill"' in page and "Falke" in page and f'value="{MAKER}"' in page
    answers.rules["PATCH", f"/gadgets/{ID}"] = (200, DOCUMENT)
    same = {
        "name": "Drill",
        "price": "1,234.50",
        "made_on": "2026-11-05",
        "gadget_maker_id": MAKER,
        "lines-0-count": "3",
    }
    assert browser.post(f"/gadgets/{ID}/edit", {**same, "version": "7"}).status_code == 303
    assert not answers.calls("PATCH", f"/gadgets/{ID}"), "nothing changed, nothing sent"
    browser.post(f"/gadgets/{ID}/edit", {**same, "name": "Saw", "version": "7"})
    assert answers.calls("PATCH", f"/gadgets/{ID}")[0].body == {"name": "Saw"}


def test_a_value_of_several_members_is_filled_in_member_by_member(browser: Browser, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter says in its own ``schema`` what its value is made of: the rule of numbers (R-01)."""
    monkeypatch.setitem(browser.client.application.extensions, "console.model", Model.of_contracts())
    answers.rules["GET", "/me"] = (200, {**USER, "permissions": ["*"]})
    number, path = definitions()["number.work_order"], "/parameters/number.work_order"
    shown = {"id": ID, "version": 3, "key": number.key, "value": {"prefix": "RE", "digits": 0, "reset": "never"}, "default": number.default,
             "schema": number.schema, "description_zh": "单号", "description_en": "Numbers", "updated_at": "2026-11-05T01:00:00Z",
             "updated_by": "ann"}  # fmt: skip
    answers.rules["GET", path] = answers.rules["PUT", path] = (200, shown)
    answers.rules["GET", "/parameters"] = (200, {"items": [shown], "next_cursor": None})
    answers.rules["GET", f"{path}/history"] = (200, {"items": [], "next_cursor": None})
    page = browser.page(f"{path}/edit")
    assert 'name="value-prefix" value="RE"' in page and 'name="value-digits" value="0"' in page
    assert 'name="value-reset" value="never" checked' in page and "anew each month" in page
    filled = {"value-prefix": "WO", "value-digits": "6", "value-reset": "monthly", "version": "3"}
    assert browser.post(f"{path}/edit", filled).status_code == 303
    assert answers.calls("PUT", path)[0].body == {"value": {"prefix": "WO", "digits": 6, "reset": "monthly"}}
    for words in (browser.page("/parameters"), browser.page(path)):
        assert "Prefix RE" in words and "Digits 0" in words and "Sequence begins never anew" in words


def test_a_dangerous_action_asks_for_its_reason(browser: Browser, answers: Answers) -> None:
    page = browser.page(f"/gadgets/{ID}/cancel")
    assert "btn-danger" in page and 'name="reason"' in page
    refusal = {
        "title": "Not now",
        "code": "bad_transition",
        "state": "shut",
        "allowed_actions": [],
        "trace_id": "t",
    }
    answers.rules["POST", f"/gadgets/{ID}/cancel"] = (409, refusal)
    answer = browser.post(f"/gadgets/{ID}/cancel", {"reason": "wrong part"})
    assert (
        answer.status_code == 409
        and "Not now" in answer.text
        and "wrong part" in answer.text
        and "shut" in answer.text
    )


def test_an_action_begins_with_what_the_document_has(browser: Browser, answers: Answers) -> None:
    assert 'value="1234.50"' in browser.page(f"/gadgets/{ID}/price")
    answers.rules["POST", f"/gadgets/{ID}/price"] = (200, DOCUMENT)
    browser.post(f"/gadgets/{ID}/price", {"price": "9"})
    assert answers.calls("POST", f"/gadgets/{ID}/price")[0].body == {"price": "9.00"}


def test_what_is_told_once_is_shown_once(browser: Browser, answers: Answers) -> None:
    answers.rules["POST", "/gadgets"] = (201, {**DOCUMENT, "password": "s3cret-once"})
    answer = browser.post("/gadgets/new", {"name": "Saw", "price": "1"})
    assert answer.status_code == 200 and "s3cret-once" in answer.text
    assert answer.headers["HX-Push-Url"] == f"/gadgets/{ID}"
    assert "s3cret-once" not in browser.page(f"/gadgets/{ID}")


def test_values_are_escaped(browser: Browser, answers: Answers) -> None:
    evil = {**DOCUMENT, "name": "<script>alert(1)</script>", "number": '"><img src=x>'}
    answers.rules["GET", "/gadgets"] = (200, {"items": [evil], "next_cursor": None})
    answers.rules["GET", f"/gadgets/{ID}"] = (200, evil)
    for page in (browser.page("/gadgets?q=<script>alert(1)</script>"), browser.page(f"/gadgets/{ID}")):
        assert "<script>alert" not in page and "<img src=x>" not in page


def test_list_conditions_in_words(browser: Browser, answers: Answers) -> None:
    browser.page("/gadgets?gadget_maker_id__text=Falke")
    assert answers.calls("GET", "/gadgets")[0].query["gadget_maker_id"] == MAKER


def test_part_of_a_page_for_htmx(browser: Browser) -> None:
    answer = browser.get(
        "/gadgets?state=open&gadget_maker_id=", headers={"HX-Request": "true", "HX-Target": "list"}
    )
    assert "<html" not in answer.text and "GD26110001" in answer.text
    assert answer.headers["HX-Push-Url"] == "/gadgets?state=open"
    row = browser.page(f"/row/gadgets/{ID}")
    assert row.strip().startswith("<tr") and 'data-version="7"' in row


def test_suggestions(browser: Browser, answers: Answers) -> None:
    page = browser.page("/pick/gadget-makers?member=id&gadget_maker_id__text=fal")
    assert f'data-value="{MAKER}"' in page and "Falke" in page
    assert answers.calls("GET", "/gadget-makers")[0].query["q"] == "fal"


def test_a_file_is_passed_through(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = (200, b"number,price\nGD1,1.00\n")
    answer = browser.get("/export/gadgets.csv?state=open&cursor=x")
    assert (
        answer.data == b"number,price\nGD1,1.00\n" and "attachment" in answer.headers["Content-Disposition"]
    )
    assert answers.calls("GET", "/gadgets")[-1].query == {"state": "open", "format": "csv"}
    assert browser.get("/export/gadgets.exe").status_code == 404


def test_an_action_whose_answer_is_a_file(browser: Browser, answers: Answers) -> None:
    """Asked for by a form, so that its reason is told; passed on as it comes, or refused beside the form."""
    answers.rules["GET", f"/gadgets/{ID}"] = (200, {**DOCUMENT, "allowed_actions": ["export"]})
    assert 'data-save hx-boost="false"' in browser.page(f"/gadgets/{ID}/export"), "htmx would not save a file"
    answers.rules["POST", f"/gadgets/{ID}/export"] = (200, b'{"all": "of it"}')
    answer = browser.post(f"/gadgets/{ID}/export", {"reason": "asked for", "version": "7"})
    assert (answer.status_code, answer.data, answer.content_type) == (200, b'{"all": "of it"}', "application/json")
    [sent] = answers.calls("POST", f"/gadgets/{ID}/export")
    assert (sent.body, sent.headers["If-Match"], sent.headers["Authorization"]) == ({"reason": "asked for"}, "7", "Bearer access-1")
    documents = [{"kind": "work_order", "id": OTHER, "number": "RE1", "state": "registered"}]
    answers.rules["POST", f"/gadgets/{ID}/export"] = (409, {"code": "open_documents", "title": "Not finished", "documents": documents})
    refused = browser.post(f"/gadgets/{ID}/export", {"reason": "asked for"})
    assert refused.status_code == 409 and "asked for" in refused.text
    assert f'href="/work-orders/{OTHER}"' in refused.text and "RE1" in refused.text and "Registered" in refused.text


def test_a_number_in_part_is_no_link(browser: Browser) -> None:
    words = Words("en")
    assert words.phone("+86138****8000") == "+86138****8000"
    assert words.phone("+8613800138000") == "+86 138 0013 8000"


def test_empty_list_offers_the_first_step(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = (200, {"items": [], "next_cursor": None})
    assert browser.page("/gadgets").count('href="/gadgets/new"') == 2
    assert 'href="/gadgets"' in browser.page("/gadgets?state=open")


def test_refused_conditions_leave_the_page_usable(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = (400, {"title": "No such sort", "code": "bad_sort", "trace_id": "t-1"})
    page = browser.page("/gadgets?sort=colour")
    assert "No such sort" in page and "bad_sort" in page and 'class="filters"' in page


def test_a_refused_condition_is_named(browser: Browser, answers: Answers) -> None:
    refusal = {"title": "Not valid", "code": "validation_failed", "errors": [{"field": "state", "code": "not_allowed"}]}
    answers.rules["GET", "/gadgets"] = (400, refusal)
    assert "State: Please choose one of the options" in browser.page("/gadgets?state=odd")


def test_an_error_page_says_more_than_its_title(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", f"/gadgets/{ID}"] = (403, {"title": "Not yours", "detail": "Not yours", "code": "forbidden"})
    page = browser.get(f"/gadgets/{ID}").text
    assert "<h1>Not yours</h1>" in page and "<p>Not yours</p>" not in page and "Ask your administrator" in page


def test_unknown_pages_and_documents(browser: Browser) -> None:
    assert browser.get("/nothing-here").status_code == 404
    answer = browser.get(f"/gadgets/{OTHER}")
    assert answer.status_code == 404 and "t-404" in answer.text
    assert browser.get(f"/gadgets/{ID}/explode").status_code == 404
    assert browser.get("/me").status_code == 404, "not a resource"


def test_gateway_away(browser: Browser, answers: Answers) -> None:
    browser.page("/gadgets")
    answers.rules["GET", "/gadgets"] = (503, {"title": "Away", "code": "unavailable", "trace_id": "t-9"})
    answer = browser.get("/gadgets")
    assert answer.status_code == 503 and "t-9" in answer.text and 'href="/"' in answer.text


def test_a_failing_label_does_not_break_the_page(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", f"/gadget-makers/{MAKER}"] = (503, {"code": "unavailable"})
    assert "GD26110001" in browser.page("/gadgets")


def test_language_of_page_and_api(browser: Browser, answers: Answers) -> None:
    page = browser.page("/gadgets")
    assert (
        '<html lang="en"' in page and answers.calls("GET", "/gadgets")[-1].headers["Accept-Language"] == "en"
    )
    browser.client.delete_cookie("aftersales_lang")
    assert '<html lang="zh-CN"' in browser.page("/gadgets")


@pytest.mark.parametrize("away", [(503, {"code": "unavailable"}), (502, {}), (500, {"title": "Broken", "trace_id": "t-5"}), (DROPPED, {})])
def test_what_could_not_be_passed_on_is_kept_and_sent_again_as_the_same(browser: Browser, answers: Answers, away: tuple[int, dict[str, str]]) -> None:
    answers.rules["POST", "/gadgets"] = away
    typed = {"name": "Saw <1>", "price": "9.99", "idempotency_key": "once-only"}
    told = browser.post("/gadgets/new", typed)
    assert told.status_code >= 500 and "Saw &lt;1&gt;" in told.text and 'value="9.99"' in told.text
    assert "What you typed is still here" in told.text and 'name="idempotency_key" value="once-only"' in told.text
    answers.rules["POST", "/gadgets"] = (409, {"code": "duplicate", "title": "Refused"})
    assert 'value="once-only"' not in browser.post("/gadgets/new", typed).text, "what was answered is over"
