"""Customers over HTTP: one number however it is written, a known one warns (C-01, C-02, worked example Caller)."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from tests.support.serving import Served

free = (f"+86139{number:08d}" for number in itertools.count(1))


def make(api: Served, **body: Any) -> Any:
    return api.call("POST", "/customers", {"name": "王芳", **body})


def test_create_read_list(api: Served) -> None:
    number = next(free)
    answer = make(api, phone=number[3:])
    assert answer.status_code == 201
    customer = answer.json()
    assert (customer["phone"], customer["phones"], customer["warnings"], customer["version"]) == (number, [number], [], 1)
    found = api.call("GET", f"/customers/{customer['id']}").json()
    assert found == {name: value for name, value in customer.items() if name != "warnings"}
    assert api.call("GET", "/customers", phone=number).json()["items"] == [found]
    assert api.events(customer["id"]) == [("customer.created.v1", 1, {"name": "王芳", "phones": [number], "erased_at": None})]


@pytest.mark.parametrize("body", [{}, {"phone": None}, {"phones": []}])
def test_a_customer_without_phone(api: Served, body: dict[str, Any]) -> None:
    customer = make(api, **body).json()
    assert (customer["phone"], customer["phones"], customer["warnings"]) == (None, [], [])


def test_caller(api: Served) -> None:
    """138-0013-8000 and +86 138 0013 8000 are one; two owners: both are offered."""
    first = make(api, name="甲", phone="138-0013-8000").json()
    assert first["warnings"] == []
    second = make(api, name="乙", phone="+86 138 0013 8000")
    assert second.status_code == 201, "a warning, no refusal"
    assert second.json()["warnings"] == [{"code": "known_phone", "matches": [{"id": first["id"], "name": "甲"}]}]
    third = make(api, name="丙", phone="１３８００１３８０００").json()
    owners = [{"id": first["id"], "name": "甲"}, {"id": second.json()["id"], "name": "乙"}]
    assert third["warnings"] == [{"code": "known_phone", "matches": owners}]
    for written in ("138-0013-8000", "+86 138 0013 8000", "13800138000", "0086-138-0013-8000", "tel:+86-138-0013-8000"):
        found = api.call("GET", "/customers", phone=written, total="true").json()
        assert found["total"] == 3
        assert {each["name"] for each in found["items"]} == {"甲", "乙", "丙"}


def test_the_last_four_digits_of_a_number_find_it(api: Served) -> None:
    """What every reader is shown of a number (C-04), so that the rest is told to nobody."""
    number, other = next(free), next(free)
    one = make(api, name="甲", phones=[number, other]).json()["id"]
    two = make(api, name="乙", phone=f"+861371234{other[-4:]}").json()["id"]
    for typed, found in ((number[-4:], {one}), (f" {other[-4:]} ", {one, two})):
        assert {each["id"] for each in api.call("GET", "/customers", phone=typed).json()["items"]} == found
    for typed in (number[-3:], number[-5:]):
        assert api.call("GET", "/customers", phone=typed).status_code == 400
    assert api.call("PATCH", f"/customers/{one}", {"phones": [other]}).status_code == 200
    assert api.call("GET", "/customers", phone=number[-4:]).json()["items"] == []


@pytest.mark.parametrize("phone", ["", "abc", "12345", "+", "1" * 30, "13800138000; DROP TABLE customers"])
def test_unreadable_phones(api: Served, phone: str) -> None:
    before = api.call("GET", "/customers", total="true", limit=1).json()["total"]
    answer = make(api, phone=phone)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert answer.json()["errors"] == [{"field": "phone", "code": "phone_unreadable"}]
    assert api.call("GET", "/customers", total="true", limit=1).json()["total"] == before
    if phone:
        asked = api.call("GET", "/customers", phone=phone)
        assert (asked.status_code, asked.json()["errors"]) == (400, [{"field": "phone", "code": "phone_unreadable"}])


@pytest.mark.parametrize(("body", "field"), [
    ({"name": None}, "name"), ({"name": ""}, "name"), ({"name": " \t"}, "name"), ({"name": "a\u0007"}, "name"), ({"name": 7}, "name"),
    ({"name": "x" * 201}, "name"), ({"phone": 13800138000}, "phone"), ({"phone": "1" * 65}, "phone"), ({"phones": "1"}, "phones"),
    ({"mobile": "1"}, "mobile"), ({"phones": ["13800138000", "x"]}, "phones.1"),
])
def test_bad_bodies(api: Served, body: dict[str, Any], field: str) -> None:
    answer = make(api, **body)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert field in {error["field"] for error in answer.json()["errors"]}


def test_several_numbers_and_changes(api: Served) -> None:
    one, two, three = next(free), next(free), next(free)
    customer = make(api, phone=one, phones=[two[3:], one, two]).json()
    assert customer["phones"] == [one, two]
    path = f"/customers/{customer['id']}"
    assert api.call("PATCH", path, {"phone": three}).json()["phones"] == [three, two]
    assert api.call("PATCH", path, {"phone": two}).json()["phones"] == [two]
    changed = api.call("PATCH", path, {"name": "王小芳", "phones": [one, two]}).json()
    assert (changed["name"], changed["phone"], changed["phones"], changed["version"]) == ("王小芳", one, [one, two], 4)
    assert api.call("PATCH", path, {"name": "王小芳"}).json()["version"] == 4, "nothing differs, nothing is saved"
    assert api.call("PATCH", path, {"phones": []}).json()["phone"] is None
    assert [data["phones"] for _, _, data in api.events(customer["id"])] == [[one, two], [three, two], [two], [one, two], []]


def test_a_changed_number_warns_too(api: Served) -> None:
    number = next(free)
    other, mine = make(api, name="甲", phone=number).json(), make(api, name="乙", phone=next(free)).json()
    changed = api.call("PATCH", f"/customers/{mine['id']}", {"phone": number}).json()
    assert changed["warnings"] == [{"code": "known_phone", "matches": [{"id": other["id"], "name": "甲"}]}]
    again = api.call("PATCH", f"/customers/{mine['id']}", {"name": "丁"}).json()
    assert again["warnings"] == [], "a number it had before is no news"


def test_search_by_the_beginning_of_a_name(api: Served) -> None:
    mark = uuid.uuid4().hex[:6]
    names = [f"{mark}李雷", f"{mark}李梅", f"{mark}Ｍüller", f"{mark}%_\\"]
    for name in names:
        make(api, name=name)

    def found(q: str) -> list[str]:
        return [each["name"] for each in api.call("GET", "/customers", q=q, sort="name").json()["items"]]

    assert found(f"{mark}李") == sorted(names[:2])
    assert found(f"{mark.upper()}MÜL") == [names[2]]
    assert found(f"{mark}%") == [names[3]], "no wildcard reaches the database"
    assert found(f"{mark}_") == []
    assert found(f"{mark}\\") == []
    assert len(found(mark)) == 4


def test_stale_and_unknown(api: Served) -> None:
    customer = make(api).json()
    path = f"/customers/{customer['id']}"
    assert api.call("PATCH", path, {"name": "A"}, headers={"If-Match": '"1"'}).status_code == 200
    stale = api.call("PATCH", path, {"name": "B"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    for id in (uuid.uuid4(), "x"):
        assert api.call("GET", f"/customers/{id}").json()["code"] == "not_found"
    assert api.call("PATCH", path, {}).status_code == 400


def test_customers_are_company_wide_and_guarded_by_right(api: Served) -> None:
    customer = make(api).json()
    assert api.call("GET", f"/customers/{customer['id']}", scope="/HQ/N/A/").status_code == 200
    assert api.call("GET", f"/customers/{customer['id']}", permissions=("callcenter.revisit.read",)).status_code == 403
    assert api.call("POST", "/customers", {"name": "X"}, permissions=("callcenter.customer.read",)).status_code == 403


def test_numbers_are_read_as_of_the_company_region(api: Served) -> None:
    """The region is a parameter of the company; an older value that arrives late changes nothing."""
    id, changed = new_id(), "aftersales.gateway.parameter.changed.v1"
    assert api.tell(changed, {"key": "phone.region", "value": "GB"}, subject=id, sequence=3) is Outcome.DONE
    try:
        assert make(api, phone="020 7946 0958").json()["phone"] == "+442079460958"
        assert api.tell(changed, {"key": "phone.region", "value": "US"}, subject=id, sequence=2) is Outcome.DONE
        assert make(api, phone="020 7946 0999").json()["phone"] == "+442079460999"
    finally:
        api.tell(changed, {"key": "phone.region", "value": "CN"}, subject=id, sequence=4)
    assert make(api, phone="010-62345678").json()["phone"] == "+861062345678"


def test_extensions_are_kept_shown_and_make_no_other_line(api: Served) -> None:
    first = make(api, name="总机", phone="010-6266 7788 转 12").json()
    assert first["phones"] == ["+861062667788 ext. 12"]
    second = make(api, name="前台", phone="010-62667788").json()
    assert [one["id"] for one in second["warnings"][0]["matches"]] == [first["id"]]
    for written in ("010-62667788", "010–6266−7788", "０１０ ６２６６ ７７８８", "010-62667788 ext 12", "+86 10 62667788#9", "0086\u00a01062667788\u200b"):
        found = api.call("GET", "/customers", phone=written).json()["items"]
        assert {one["id"] for one in found} == {first["id"], second["id"]}, written
    told = [data for kind, _, data in api.events(first["id"]) if kind == "customer.created.v1"]
    assert told == [{"name": "总机", "phones": ["+861062667788 ext. 12"], "erased_at": None}]
    hidden = api.call("GET", f"/customers/{first['id']}", permissions=("callcenter.customer.read",)).json()
    assert "7788" in hidden["phone"] and "6266" not in hidden["phone"]


@pytest.mark.parametrize("phone", ["1380013800a", "138oo138000", "Tel 13800138000", "ext. 12"])
def test_letters_among_digits_are_refused(api: Served, phone: str) -> None:
    answer = make(api, phone=phone)
    assert answer.json()["errors"] == [{"field": "phone", "code": "phone_unreadable"}], answer.text


def test_names_are_found_without_blanks_dashes_and_accents(api: Served) -> None:
    mark = uuid.uuid4().hex[:6]
    made = make(api, name=f"Zoë-{mark} van  Dijk").json()
    for typed in (f"zoe {mark}", f"ZOË{mark}VAN", f"Zoe–{mark} vandijk", f"ｚｏｅ{mark}"):
        assert [one["id"] for one in api.call("GET", "/customers", q=typed).json()["items"]] == [made["id"]], typed
