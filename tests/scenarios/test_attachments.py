"""Files of documents (R-13) through the gateway: by whom, how large, saved and put back with everything else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support import files
from tests.support.case import Case
from tests.support.client import Answer, Client, eventually
from tests.support.company import Company
from tests.support.suites import RunningSuite

MEGABYTE = 1024 * 1024


def send(client: Client, path: str, name: str, content: bytes, **more: Any) -> Answer:
    raw, headers = files.form(name, content)
    return client.call("POST", path, raw=raw, headers=headers, **more)


@pytest.fixture
def order(company: Company) -> str:
    return f"/work-orders/{Case(company).register().id}/attachments"


def test_a_technician_attaches_photos(company: Company, order: str):
    site = company.sites[0]
    photo = files.png(padding=9 * MEGABYTE)
    made = send(site.as_("technician"), order, "现场.png", photo)
    assert made.status == 201, made.raw
    assert made.json["sha256"] == hashlib.sha256(photo).hexdigest() and made.json["size"] == len(photo)
    got = site.as_("cashier").call("GET", f"{order}/{made.json['id']}")
    assert got.raw == photo and got.headers["content-disposition"].startswith("attachment;")
    assert got.headers["x-content-type-options"] == "nosniff" and got.headers["cache-control"] == "no-store"
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert send(site.as_("cashier"), order, "b.png", files.png()).code == "forbidden"
    timeline = site.as_("manager").get(order.replace("attachments", "timeline"))["items"]
    assert [entry["type"] for entry in timeline].count("work_order.attached") == 1


def test_every_kind_goes_round(company: Company, order: str):
    for name, content in files.every_kind().items():
        made = send(company.admin, order, name, content)
        assert made.status == 201, (name, made.raw)
        assert company.admin.call("GET", f"{order}/{made.json['id']}").raw == content
    items = company.admin.get(order)["items"]
    assert [item["name"] for item in items] == list(files.every_kind())
    assert {item["media_type"] for item in items} >= {"image/jpeg", "application/pdf", "video/mp4"}


def test_size_has_two_limits(company: Company, order: str):
    """The company's (10 MB as shipped), and above the largest it may set the gateway's, before a byte is read."""
    for size in (10 * MEGABYTE, 25 * MEGABYTE):
        answer = send(company.admin, order, "a.png", files.png(padding=size))
        assert (answer.status, answer.code) == (413, "payload_too_large")
    small = company.admin.call("POST", "/customers", raw=b'{"name":"' + b"x" * 2 * MEGABYTE + b'"}')
    assert small.code == "payload_too_large", "other operations take no more than before"


def test_a_limit_that_is_changed_holds_soon(company: Company, order: str):
    admin = company.admin
    try:
        admin.put("/parameters/attachment.max_megabytes", {"value": 1})
        photo = files.png(padding=2 * MEGABYTE)
        eventually(lambda: send(admin, order, "a.png", photo).code == "payload_too_large", "the new limit")
    finally:
        admin.put("/parameters/attachment.max_megabytes", {"value": 10})
    eventually(lambda: send(admin, order, "a.png", photo).ok, "the old limit")
    assert admin.call("PUT", "/parameters/attachment.max_megabytes", {"value": 21}).code == "validation_failed"


@pytest.mark.slow
def test_a_backup_holds_the_files(suite: RunningSuite, company: Company, order: str, tmp_path: Path):
    """`restore --check` unpacks a backup beside the running suite and reconciles it: every file is there to the last byte."""
    assert send(company.admin, order, "a.png", files.png(padding=2 * MEGABYTE)).ok
    backup = tmp_path / "all.backup"
    done = suite.run("backup", str(backup))
    assert done.returncode == 0, done.stderr
    checked = suite.run("restore", str(backup), "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
