"""Files of work orders and devices (R-13), on a real database."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chassis.attachments import scanner
from chassis.domain.errors import Forbidden
from tests.integration.orders.conftest import UNKNOWN, Shop
from tests.support import files

RIGHTS = ("orders.work_order.read", "orders.work_order.attach", "orders.work_order.detach")


@pytest.fixture
def order(shop: Shop) -> str:
    return f"/work-orders/{shop.order().id}/attachments"


def send(shop: Shop, path: str, name: str, content: bytes, **more: Any) -> httpx.Response:
    body, headers = files.form(name, content)
    return shop.served.call("POST", path, body, headers={**headers, **more.pop("headers", {})}, **more)


def kept(shop: Shop, path: str, name: str = "a.png", content: bytes = b"", **more: Any) -> dict[str, Any]:
    answer = send(shop, path, name, content or files.png(), **more)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def names(shop: Shop, path: str) -> list[str]:
    return [item["name"] for item in shop.ok("GET", path)["items"]]


@pytest.mark.parametrize("size", [0, 262_143, 262_144, 262_145, 1_100_000])
def test_a_file_comes_back_byte_for_byte(shop: Shop, order: str, size: int):
    content = files.png(padding=size)
    made = kept(shop, order, "照片 1.png", content)
    assert (made["media_type"], made["size"], made["created_by"]) == ("image/png", len(content), "ann")
    answer = shop.served.call("GET", f"{order}/{made['id']}")
    assert answer.content == content and answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment; filename=\"__ 1.png\"; filename*=UTF-8''%E7%85%A7%E7%89%87%201.png"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert names(shop, order) == ["照片 1.png"]


def test_a_device_has_files_too(shop: Shop):
    path = f"/devices/{shop.device()['id']}/attachments"
    made = kept(shop, path, "invoice.pdf", files.PDF)
    assert shop.served.call("GET", f"{path}/{made['id']}").content == files.PDF


def test_what_is_refused_leaves_nothing(shop: Shop, order: str):
    cases = [("a.png", b"<svg/>", 415, "file_type_refused"), ("a.pdf", files.png(), 400, "validation_failed"),
             ("a.exe.png", files.png(), 400, "validation_failed"), ("a.pdf", files.PDF + files.EICAR, 422, "file_infected"),
             ("a.png", b"", 400, "validation_failed"), ("a.png", files.png(padding=10 * 1024 * 1024), 413, "payload_too_large")]
    for name, content, status, code in cases:
        shop.refused(send(shop, order, name, content), status, code)
    answer = shop.served.call("POST", order, {"file": "x"}, headers={"Content-Type": "application/json"})
    shop.refused(answer, 415, "unsupported_media_type")
    shop.refused(shop.served.call("POST", order, b"", headers={"Content-Type": "multipart/form-data; boundary=b"}), 400, "validation_failed")
    assert names(shop, order) == []
    assert shop.served.rows("SELECT 1 FROM attachment_pieces p WHERE NOT EXISTS (SELECT FROM attachments a WHERE a.id = p.attachment_id)") == []


def test_limits_are_parameters(shop: Shop, order: str):
    changed = {key: shop.tell("gateway.parameter.changed", {"key": key, "value": 1}, sequence=2)
               for key in ("attachment.max_megabytes", "attachment.max_count")}
    try:
        shop.refused(send(shop, order, "a.png", files.png(padding=1024 * 1024)), 413, "payload_too_large", limit=1024 * 1024)
        made = kept(shop, order)
        shop.refused(send(shop, order, "b.png", files.png()), 409, "too_many_files", limit=1)
        shop.ok("POST", f"{order}/{made['id']}/delete", {})
        kept(shop, order, "b.png")
    finally:
        for (key, subject), value in zip(changed.items(), (10, 20), strict=True):
            shop.tell("gateway.parameter.changed", {"key": key, "value": value}, subject=subject, sequence=3)


def test_the_last_place_is_taken_once(shop: Shop, order: str):
    """Eight at the same moment where two may still: two are kept."""
    for number in range(18):
        kept(shop, order, f"{number}.png")
    body, headers = files.form("x.png", files.png())
    import asyncio

    from tests.support.serving import token

    async def at_once() -> list[httpx.Response]:
        sent = {**headers, "Authorization": f"Bearer {token()}"}
        return await asyncio.gather(*(shop.served._send("POST", f"/api/v1{order}", body, sent, None) for _ in range(8)))

    assert sorted(answer.status_code for answer in asyncio.run(at_once())) == [201, 201, *[409] * 6]
    assert len(names(shop, order)) == 20


def test_a_repeated_upload_is_one_file(shop: Shop, order: str):
    """Each try is packed between another boundary; name and content make it the same request."""
    key = {"Idempotency-Key": uuid.uuid4().hex}
    assert kept(shop, order, headers=key) == kept(shop, order, headers=key)
    assert len(names(shop, order)) == 1
    shop.refused(send(shop, order, "b.png", files.png(), headers=key), 422, "idempotency_mismatch")


def test_another_sites_files_look_like_none(shop: Shop, order: str):
    made, elsewhere = kept(shop, order), {"scope": "/HQ/ELSEWHERE/"}
    one = f"{order}/{made['id']}"
    for method, path in (("GET", order), ("GET", f"{order}?deleted=true"), ("GET", one), ("POST", f"{one}/delete"), ("POST", f"{one}/restore")):
        shop.refused(shop.served.call(method, path, {} if method == "POST" else None, **elsewhere), 404, "not_found")
    shop.refused(send(shop, order, "a.png", files.png(), **elsewhere), 404, "not_found")
    assert len(names(shop, order)) == 1


def test_a_file_is_reached_through_its_document_only(shop: Shop, order: str):
    made, other = kept(shop, order), f"/work-orders/{shop.order().id}/attachments"
    device = f"/devices/{shop.device()['id']}/attachments"
    for path in (f"{other}/{made['id']}", f"{device}/{made['id']}", f"{order}/{UNKNOWN}"):
        shop.refused(shop.served.call("GET", path), 404, "not_found")
        for verb in ("delete", "restore"):
            shop.refused(shop.served.call("POST", f"{path}/{verb}", {}), 404, "not_found")
    assert names(shop, order) == ["a.png"]


@pytest.mark.parametrize("right", RIGHTS)
def test_each_step_needs_its_own_right(shop: Shop, order: str, right: str):
    made, may = kept(shop, order), {"permissions": (right,)}
    answers = {
        "orders.work_order.read": shop.served.call("GET", f"{order}/{made['id']}", **may),
        "orders.work_order.attach": send(shop, order, "b.png", files.png(), **may),
        "orders.work_order.detach": shop.served.call("POST", f"{order}/{made['id']}/delete", {}, **may),
    }
    assert (shop.served.call("POST", f"{order}/{made['id']}/restore", {}, **may).status_code == 403) is (right != "orders.work_order.detach")
    assert {name: answer.status_code == 403 for name, answer in answers.items()} == {name: name != right for name in RIGHTS}


def test_deleting_is_a_mark(shop: Shop, order: str):
    made = kept(shop, order)
    path = f"{order}/{made['id']}"
    shop.refused(shop.served.call("POST", f"{path}/delete", {}, headers={"If-Match": '"9"'}), 409, "stale_version")
    gone = shop.ok("POST", f"{path}/delete", {}, headers={"If-Match": '"1"'})
    assert (gone["deleted"], gone["version"]) == (True, 2)
    assert shop.ok("POST", f"{path}/delete", {})["version"] == 2
    shop.refused(shop.served.call("GET", path), 404, "not_found")
    assert names(shop, order) == []
    assert shop.served.rows("SELECT deleted_by FROM attachments WHERE id = :id", id=made["id"])[0].deleted_by == "ann"


def test_what_was_deleted_can_be_brought_back(shop: Shop, order: str):
    """R-04: the same file under the same id, listed among the deleted ones meanwhile; a second time changes nothing."""
    content = files.png(padding=300_000)
    kept(shop, order, "b.png")
    made = kept(shop, order, "照片.png", content)
    path = f"{order}/{made['id']}"
    assert shop.ok("POST", f"{path}/restore", {})["version"] == 1
    shop.ok("POST", f"{path}/delete", {})
    assert [item["id"] for item in shop.ok("GET", f"{order}?deleted=true")["items"]] == [made["id"]]
    shop.refused(shop.served.call("POST", f"{path}/restore", {}, headers={"If-Match": '"1"'}), 409, "stale_version")
    back = shop.ok("POST", f"{path}/restore", {}, headers={"If-Match": '"2"'})
    assert (back["deleted"], back["version"]) == (False, 3)
    assert shop.ok("POST", f"{path}/restore", {})["version"] == 3
    assert shop.served.call("GET", path).content == content
    assert names(shop, order) == ["b.png", "照片.png"] and shop.ok("GET", f"{order}?deleted=true")["items"] == []
    told = [item["summary"] for item in shop.ok("GET", f"{order.removesuffix('/attachments')}/timeline", headers={"Accept-Language": "en"})["items"]]
    assert told[-1] == "File restored: 照片.png" and told.count(told[-1]) == 1


def test_a_full_document_takes_nothing_back(shop: Shop, order: str):
    """Eight at once where two may still come back: two do."""
    made = [kept(shop, order, f"{number}.png") for number in range(20)]
    for one in made[:8]:
        shop.ok("POST", f"{order}/{one['id']}/delete", {})
    for number in range(6):
        kept(shop, order, f"new{number}.png")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: shop.served.call("POST", f"{order}/{one['id']}/restore", {}), made[:8]))
    assert sorted(answer.status_code for answer in answers) == [200, 200, *[409] * 6]
    shop.refused(next(answer for answer in answers if answer.status_code == 409), 409, "too_many_files", limit=20)
    assert len(names(shop, order)) == 20


def test_the_timeline_tells_and_the_version_stays(shop: Shop, order: str):
    path = order.removesuffix("/attachments")
    before = shop.ok("GET", path)["version"]
    made = kept(shop, order, "旧件.png")
    shop.ok("POST", f"{order}/{made['id']}/delete", {})
    told = [item["summary"] for item in shop.ok("GET", f"{path}/timeline", headers={"Accept-Language": "en"})["items"]]
    assert told[-2:] == ["File added: 旧件.png", "File deleted: 旧件.png"]
    assert shop.ok("GET", path)["version"] == before


def test_files_follow_their_site(shop: Shop, order: str):
    """A unit that moves takes the files of its orders along, bytes and all."""
    content = files.png(padding=600_000)
    made, new = kept(shop, order, content=content), f"/HQ/MOVED/{shop.code}/"
    unit = shop.served.rows("SELECT id FROM org_unit_copies WHERE code = :code", code=shop.code)[0].id
    shop.tell("gateway.org_unit.moved", {"code": shop.code, "name": "x", "kind": "site", "path": new, "parent_path": "/HQ/MOVED/",
                                         "former_path": shop.path}, subject=str(unit), sequence=7)
    shop.refused(shop.served.call("GET", f"{order}/{made['id']}", scope=shop.path), 404, "not_found")
    assert shop.served.call("GET", f"{order}/{made['id']}", scope=new).content == content


def test_bytes_cannot_be_changed_by_the_service(shop: Shop, order: str):
    kept(shop, order)
    for statement in ("UPDATE attachment_pieces SET content = ''", "DELETE FROM attachment_pieces"):
        with pytest.raises(Forbidden):
            shop.served.rows(statement)


def test_a_set_up_scanner_that_is_away_keeps_nothing(shop: Shop, order: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(scanner.VARIABLE, "tcp://127.0.0.1:1")
    shop.refused(send(shop, order, "a.png", files.png()), 503, "unavailable")
    assert names(shop, order) == []
