"""Labour rates over HTTP (F-01)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support import writings
from tests.support.serving import Served


def make(api: Served, **changed: Any) -> Any:
    body = {"code": f"R{uuid.uuid4().hex[:8]}", "name": "标准工时", "hourly_rate": "100.00", **changed}
    return api.call("POST", "/labour-rates", {name: value for name, value in body.items() if value is not None})


def test_create_read_change_list(api: Served) -> None:
    answer = make(api, hourly_rate="100")
    assert answer.status_code == 201
    rate = answer.json()
    assert (rate["hourly_rate"], rate["currency"], rate["version"]) == ("100.00", "CNY", 1)
    assert api.call("GET", f"/labour-rates/{rate['id']}").json() == rate
    assert api.call("GET", "/labour-rates", code=rate["code"]).json()["items"] == [rate]

    changed = api.call("PATCH", f"/labour-rates/{rate['id']}", {"hourly_rate": "120.5"}, headers={"If-Match": '"1"'}).json()
    assert (changed["hourly_rate"], changed["name"], changed["version"]) == ("120.50", "标准工时", 2)
    stale = api.call("PATCH", f"/labour-rates/{rate['id']}", {"name": "X"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    same = api.call("PATCH", f"/labour-rates/{rate['id']}", {"hourly_rate": "120.50"}).json()
    assert same["version"] == 2, "nothing differs, nothing is saved"
    told = {"code": rate["code"], "name": "标准工时", "tax_rate": None}
    assert api.events(rate["id"]) == [("labour_rate.created.v1", 1, {**told, "hourly_rate": "100.00"}),
                                      ("labour_rate.changed.v1", 2, {**told, "hourly_rate": "120.50"})]


def test_a_code_is_taken_once(api: Served) -> None:
    code = make(api).json()["code"]
    again = make(api, code=code)
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (409, "duplicate", "code")


@pytest.mark.parametrize(("changed", "field"), [
    ({"hourly_rate": "-1.00"}, "hourly_rate"), ({"hourly_rate": "1.001"}, "hourly_rate"), ({"hourly_rate": 100}, "hourly_rate"),
    ({"hourly_rate": None}, "hourly_rate"), ({"code": " "}, "code"), ({"code": "\u200b"}, "code"), ({"code": "a/b"}, "code"), ({"code": None}, "code"),
    ({"name": ""}, "name"), ({"name": "  "}, "name"), ({"name": "a\u0000b"}, "name"), ({"name": None}, "name"), ({"tax": "1"}, "tax"),
])
def test_bad_bodies(api: Served, changed: dict[str, Any], field: str) -> None:
    answer = make(api, **changed)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert field in {error["field"] for error in answer.json()["errors"]}


def test_an_empty_change_and_an_unknown_rate(api: Served) -> None:
    rate = make(api).json()
    assert api.call("PATCH", f"/labour-rates/{rate['id']}", {}).status_code == 400
    assert api.call("PATCH", f"/labour-rates/{rate['id']}", {"code": "NEW"}).status_code == 400
    assert api.call("GET", f"/labour-rates/{uuid.uuid4()}").json()["code"] == "not_found"


def test_rights(api: Served) -> None:
    reader = ("finance.labour_rate.read",)
    assert api.call("GET", "/labour-rates", permissions=reader).status_code == 200
    refused = api.call("POST", "/labour-rates", {"code": "Z", "name": "Z", "hourly_rate": "1"}, permissions=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_code_is_one_however_it_is_written(api: Served) -> None:
    writings.one_code(api.call, "/labour-rates", "code", {"name": "标准工时", "hourly_rate": "100.00"}, uuid.uuid4().hex[:8])
