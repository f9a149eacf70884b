"""What every operation gets from the chassis, told over HTTP."""

from __future__ import annotations

import base64
import io
import threading
import time
import uuid
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.db import cursors
from chassis.http.app import RENEWED
from chassis.ops import metrics
from tests.integration.chassis.conftest import Shelf, token

codes = iter(range(10_000))


def book(**more: Any) -> dict[str, Any]:
    return {"code": f"c{next(codes)}", "title": "A", "org_path": "/HQ/", **more}


def test_create_then_get_gives_the_same_document(shelf: Shelf) -> None:
    made = shelf.call("POST", "/books", book(price="12.5"))
    assert made.status_code == 201
    assert made.json()["price"] == "12.50"
    assert made.json()["version"] == 1 and made.headers["etag"] == '"1"'
    assert shelf.call("GET", f"/books/{made.json()['id']}").json() == made.json()


def test_every_error_of_a_body_is_named_at_once(shelf: Shelf) -> None:
    bad = {"title": "", "price": "1.234", "copies": -1, "colour": 1, "org_path": 5}
    answer = shelf.call("POST", "/books", bad)
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
    assert {(e["field"], e["code"]) for e in answer.json()["errors"]} == {
        ("code", "missing"), ("title", "too_short"), ("title", "bad_format"), ("price", "bad_format"),
        ("copies", "out_of_range"), ("colour", "unknown"), ("org_path", "wrong_type"),
    }


@pytest.mark.parametrize(("raw", "status", "code"), [
    (b'{"code"', 400, "malformed_json"),
    (b"\xff\xfe", 400, "malformed_json"),
    (b"[1]", 400, "validation_failed"),
    (b'{"code":"x","title":"a\\u0000b","org_path":"/"}', 400, "validation_failed"),
    (b'{"title":"' + b"x" * 1_100_000 + b'"}', 413, "payload_too_large"),
])
def test_bad_bodies(shelf: Shelf, raw: bytes, status: int, code: str) -> None:
    answer = shelf.call("POST", "/books", raw)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"]


def test_a_form_is_not_json(shelf: Shelf) -> None:
    answer = shelf.call("POST", "/books", b"a=b", headers={"content-type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_problem_titles_follow_the_language(shelf: Shelf) -> None:
    english = shelf.call("GET", f"/books/{uuid.uuid4()}", headers={"accept-language": "en-GB,zh;q=0.5"}).json()
    chinese = shelf.call("GET", f"/books/{uuid.uuid4()}").json()
    assert (english["title"], chinese["title"]) == ("Not found", "未找到")


@pytest.mark.parametrize(("wanted", "title"), [
    ("zh;q=0.1, en;q=0.9", "Not found"), ("en;q=0.1, zh-CN;q=0.9", "未找到"), ("en;q=0, zh", "未找到"),
    ("de, en;q=0.5", "Not found"), ("fr", "未找到"), ("", "未找到"), ("en;q=x", "Not found"),
])
def test_the_language_preferred_most_is_answered(shelf: Shelf, wanted: str, title: str) -> None:
    assert shelf.call("GET", f"/books/{uuid.uuid4()}", headers={"accept-language": wanted}).json()["title"] == title


def test_unknown_paths_methods_and_ids(shelf: Shelf) -> None:
    assert shelf.call("GET", "/nothing").status_code == 404
    assert shelf.call("GET", "/books/not-an-id").json()["code"] == "not_found"
    wrong = shelf.call("DELETE", "/books")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("bearer", [
    token(exp=1), token(key=Ed25519PrivateKey.generate()), token(aud="other"), token(iss="other"), "junk", "a.b.c",
])
def test_tokens_that_do_not_count(shelf: Shelf, bearer: str) -> None:
    answer = shelf.call("GET", "/books", bearer=bearer)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_token_kept_in_memory_still_expires(shelf: Shelf) -> None:
    short = token(exp=time.time() + 1)
    assert shelf.call("GET", "/books", bearer=short).status_code == 200
    time.sleep(1.1)
    assert shelf.call("GET", "/books", bearer=short).status_code == 401


def test_right_is_checked_before_the_body(shelf: Shelf) -> None:
    answer = shelf.call("POST", "/books", b"{", bearer=token(perms=("shelf.book.read",)))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert shelf.call("GET", "/books", bearer=token(perms=("shelf.book.*",))).status_code == 200


def test_public_operations_need_no_token(shelf: Shelf) -> None:
    assert shelf.call("GET", "/address", bearer="junk").status_code == 200


def test_scope_hides_other_branches_everywhere(shelf: Shelf) -> None:
    other = shelf.call("POST", "/books", book(org_path="/HQ/B/S2/")).json()
    a_user = token(scope="/HQ/B/S1/")
    assert shelf.call("GET", f"/books/{other['id']}", bearer=a_user).status_code == 404
    assert shelf.call("POST", f"/books/{other['id']}/lend", {}, bearer=a_user).status_code == 404
    listed = shelf.call("GET", f"/books?code={other['code']}&total=true", bearer=a_user).json()
    assert listed == {"items": [], "next_cursor": None, "total": 0}
    assert other["code"] not in shelf.call("GET", "/books?format=csv", bearer=a_user).text
    assert shelf.call("GET", f"/books/{other['id']}", bearer=token(scope="/HQ/B/")).status_code == 200
    # a sibling whose code begins like ours is no child of ours
    assert shelf.call("GET", f"/books/{other['id']}", bearer=token(scope="/HQ/B/S/")).status_code == 404


def test_nobody_writes_outside_the_own_scope(shelf: Shelf) -> None:
    answer = shelf.call("POST", "/books", book(org_path="/HQ/B/S2/"), bearer=token(scope="/HQ/B/S1/"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_reused_connection_without_scope_sees_nothing(shelf: Shelf) -> None:
    shelf.call("POST", "/books", book())
    engine = shelf.database.engine
    with shelf.database.uow() as uow:
        assert uow.scalar(sa.text("SELECT count(*) FROM books")) > 0
    with engine.connect() as connection:  # the same pooled connection, its setting is now the empty string
        assert connection.exec_driver_sql("SELECT count(*) FROM books").scalar() == 0


@pytest.mark.parametrize("name", ["k-1", "it's", "50%", "%s %(x)s", "a\\", "\\'; DROP TABLE idempotency; --", "$1 :name"])
def test_idempotency_key(shelf: Shelf, name: str) -> None:
    body, key = book(), {"Idempotency-Key": name}
    first = shelf.call("POST", "/books", body, headers=key)
    again = shelf.call("POST", "/books", body, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    other = shelf.call("POST", "/books", book(), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert other.json()["field"] == "Idempotency-Key"
    broken = shelf.call("POST", "/books", {**body, "colour": 1}, headers=key)
    assert (broken.status_code, broken.json()["code"]) == (422, "idempotency_mismatch"), "another body, whatever is wrong with it"


def test_a_key_may_be_used_again_after_a_day(shelf: Shelf) -> None:
    """Also before the timer has removed the answer it stood for."""
    body, key = book(), {"Idempotency-Key": "k-day"}
    assert shelf.call("POST", "/books", body, headers=key).status_code == 201
    with shelf.database.owner.begin() as connection:
        connection.execute(sa.text("UPDATE idempotency SET created_at = created_at - interval '25 hours' WHERE key = 'k-day'"))
    second = shelf.call("POST", "/books", book(), headers=key)
    assert second.status_code == 201, second.text
    assert shelf.call("POST", "/books", body, headers=key).json()["code"] == "idempotency_mismatch"


def test_errors_are_not_remembered(shelf: Shelf) -> None:
    taken = shelf.call("POST", "/books", book()).json()
    body, key = book(code=taken["code"]), {"Idempotency-Key": "k-2"}
    refused = shelf.call("POST", "/books", body, headers=key)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (409, "duplicate", "code")
    assert shelf.call("POST", "/books", book(), headers=key).status_code == 201


def test_one_key_sent_eight_times_at_once_acts_once(shelf: Shelf) -> None:
    made = shelf.call("POST", "/books", book()).json()
    calls = [("POST", f"/books/{made['id']}/lend", {}, {"Idempotency-Key": "same"})] * 8
    answers = shelf.together(calls)
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1


def test_if_match(shelf: Shelf) -> None:
    made = shelf.call("POST", "/books", book()).json()
    stale = shelf.call("POST", f"/books/{made['id']}/lend", {}, headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    assert shelf.call("POST", f"/books/{made['id']}/lend", {}, headers={"If-Match": "1"}).json()["version"] == 2


def test_illegal_move_names_state_and_allowed_actions(shelf: Shelf) -> None:
    made = shelf.call("POST", "/books", book()).json()
    assert made["allowed_actions"] == ["lend"]
    shelf.call("POST", f"/books/{made['id']}/lend", {})
    again = shelf.call("POST", f"/books/{made['id']}/lend", {}).json()
    assert (again["code"], again["state"], again["allowed_actions"]) == ("bad_transition", "lent", [])


def test_numbers_have_no_holes_under_parallel_creates(shelf: Shelf) -> None:
    before = int(shelf.call("POST", "/books", book()).json()["number"][6:])
    bad = [("POST", "/books", book(code="c0"), {})] * 3  # taken: their numbers must not be used up
    answers = shelf.together([("POST", "/books", book(), {}) for _ in range(10)] + bad)
    numbers = sorted(int(a.json()["number"][6:]) for a in answers if a.status_code == 201)
    assert numbers == list(range(before + 1, before + 11))


def test_a_missing_reference_is_waited_for(shelf: Shelf) -> None:
    made, reader = shelf.call("POST", "/books", book()).json(), uuid.uuid4()

    def arrive() -> None:
        time.sleep(0.5)
        with shelf.database.owner.begin() as connection:
            connection.execute(sa.text("INSERT INTO readers VALUES (:id)"), {"id": reader})

    thread = threading.Thread(target=arrive)
    thread.start()
    lent = shelf.call("POST", f"/books/{made['id']}/lend", {"reader": str(reader)})
    thread.join()
    assert lent.status_code == 200


@pytest.mark.slow
def test_a_reference_that_never_arrives_is_refused_after_the_wait(shelf: Shelf) -> None:
    made = shelf.call("POST", "/books", book()).json()
    started = time.monotonic()
    refused = shelf.call("POST", f"/books/{made['id']}/lend", {"reader": str(uuid.uuid4())})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "unknown_reference", "reader")
    assert 2.5 < time.monotonic() - started < 10
    assert shelf.call("GET", f"/books/{made['id']}").json()["state"] == "here"


@pytest.mark.slow
def test_waiting_requests_do_not_starve_others_and_are_capped(shelf: Shelf) -> None:
    made = shelf.call("POST", "/books", book()).json()
    waiting = [("POST", f"/books/{made['id']}/lend", {"reader": str(uuid.uuid4())}, {}) for _ in range(70)]
    answers = shelf.together([*waiting, ("POST", "/books", book(), {})])
    assert answers[-1].status_code == 201
    assert {a.json()["code"] for a in answers[:-1]} == {"unknown_reference"}
    assert shelf.app.runtime.waiting == 0


def test_paging_sort_and_total(shelf: Shelf) -> None:
    for _ in range(5):
        shelf.call("POST", "/books", book(org_path="/HQ/P/"))
    bearer, seen, cursor = token(scope="/HQ/P/"), [], ""
    while True:
        page = shelf.call("GET", f"/books?limit=2&sort=-code&total=true{cursor}", bearer=bearer).json()
        seen += [item["code"] for item in page["items"]]
        assert page["total"] == 5
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(seen, reverse=True) and len(set(seen)) == 5


@pytest.mark.parametrize(("query", "code"), [
    ("limit=0", "bad_limit"), ("limit=201", "bad_limit"), ("limit=x", "bad_limit"), ("sort=price", "bad_sort"),
    ("colour=red", "validation_failed"), ("since=yesterday", "validation_failed"), ("cursor=zzz", "bad_cursor"),
    ("code=abcdefghijklm", "validation_failed"), ("code=a%00", "validation_failed"), ("code=%ff", "validation_failed"),
])
def test_bad_list_queries(shelf: Shelf, query: str, code: str) -> None:
    answer = shelf.call("GET", f"/books?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("value", ["1", "null", '"abcd"', '{"a":1,"b":2,"c":3,"d":4}', "[1,2,3,4]", "[[],[],[],[]]", '"a\\u0000b"'])
def test_a_cursor_of_any_json_is_a_bad_one(shelf: Shelf, value: str) -> None:
    cursor = base64.urlsafe_b64encode(value.encode()).decode()
    answer = shelf.call("GET", "/books", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


def test_a_cursor_serves_the_list_it_came_from(shelf: Shelf) -> None:
    for _ in range(2):
        shelf.call("POST", "/books", book(org_path="/HQ/C/"))
    bearer = token(scope="/HQ/C/")
    cursor = shelf.call("GET", "/books?limit=1&sort=code", bearer=bearer).json()["next_cursor"]
    assert shelf.call("GET", f"/books?limit=2&total=true&sort=code&cursor={cursor}", bearer=bearer).status_code == 200
    for query in ("sort=-code", "sort=created_at", "sort=code&code=c1", "sort=code&q=x"):
        answer = shelf.call("GET", f"/books?{query}&cursor={cursor}", bearer=bearer)
        assert answer.status_code == 400, query
    list_, sort, value, _ = cursors.parts(cursor)
    for place in (("\0", str(uuid.uuid4())), (value, "\0"), (value, 7), (None, None), (7, str(uuid.uuid4())), (value, [])):
        answer = shelf.call("GET", "/books", params={"sort": "code", "cursor": cursors.encode(list_, sort, *place)}, bearer=bearer)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), place


@pytest.mark.parametrize("id", [
    "%00", "x" * 5000, "{01890000-0000-7000-8000-000000000001}", "urn:uuid:01890000-0000-7000-8000-000000000001", "0189000000007000800000000000000f",
    "%EF%BC%90%EF%BC%911890000-0000-7000-8000-000000000001", "%F0%9F%98%80", "%ED%A0%80", "01890000-0000-7000-8000-00000000000g", "..%2f", "%20",
])
def test_what_is_no_id_is_not_found(shelf: Shelf, id: str) -> None:
    answer = shelf.call("GET", f"/books/{id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_exports_hold_all_rows_and_no_formulas(shelf: Shelf) -> None:
    titles = ["=1+1", "@x", "中文", 'a "b", c']
    for title in titles:
        shelf.call("POST", "/books", book(title=title, org_path="/HQ/E/"))
    bearer = token(scope="/HQ/E/")
    text = shelf.call("GET", "/books?format=csv&sort=code", bearer=bearer)
    assert text.content.startswith(b"\xef\xbb\xbfid,number,code,title")
    assert "'=1+1" in text.text and "'@x" in text.text and '"a ""b"", c"' in text.text
    sheet = openpyxl.load_workbook(io.BytesIO(shelf.call("GET", "/books?format=xlsx", bearer=bearer).content)).active
    assert {(row[3].value, row[3].data_type) for row in list(sheet.rows)[1:]} == {(title, "s") for title in titles}, "text, not guarded"
    assert shelf.call("GET", "/books?format=csv&sort=bad", bearer=bearer).status_code == 400


def test_health_and_metrics(shelf: Shelf) -> None:
    import asyncio

    for path in ("/healthz", "/readyz", "/metrics"):
        answer = asyncio.run(shelf._send("GET", path))
        assert answer.status_code == 200
    assert "aftersales_http_request_seconds" in answer.text


def test_a_scrape_holds_nobody_up(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite that has answered everything once tells ten thousand figures."""
    import asyncio

    asked, go_on = threading.Event(), threading.Event()

    def exposition() -> tuple[bytes, str]:
        asked.set()
        assert go_on.wait(10), "others are served meanwhile"
        return b"", "text/plain"

    async def both() -> tuple[int, int]:
        scrape = asyncio.ensure_future(shelf._send("GET", "/metrics"))
        while not asked.is_set():
            await asyncio.sleep(0.01)
        other = await shelf._send("GET", "/healthz")
        go_on.set()
        return (await scrape).status_code, other.status_code

    monkeypatch.setattr(metrics, "exposition", exposition)
    assert asyncio.run(both()) == (200, 200)


def test_each_operation_has_its_time_once(shelf: Shelf) -> None:
    """Not for each status again: a histogram is fifteen figures."""
    for path in ("/books", "/books?limit=x"):
        shelf.call("GET", path)
    told = metrics.exposition()[0].decode().splitlines()
    sums = [line for line in told if line.startswith("aftersales_http_request_seconds_sum") and "books" in line and 'operation="books.search"' in line]
    statuses = [line for line in told if line.startswith("aftersales_http_requests_total") and 'operation="books.search"' in line]
    assert (len(sums), len(statuses) >= 2) == (1, True), (sums, statuses)


def test_connections_that_are_kept_are_opened_anew_now_and_then(shelf: Shelf) -> None:
    """Else they would all stay with the process that was there first."""
    ending = [shelf.call("GET", "/address").headers.get("connection") == "close" for _ in range(2 * RENEWED)]
    first = ending.index(True)
    assert first < RENEWED and [index for index, ends in enumerate(ending) if ends] == [first, first + RENEWED]
