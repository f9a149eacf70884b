"""Customers at rest (G-24): what the rows tell, what opens where, and that every search goes on to work."""

from __future__ import annotations

import uuid
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import crypto
from services.callcenter.customers import queries
from tests.support.serving import Served

EVERYBODY = "SELECT set_config('app.scope', '/', true)"
"""The guard of customers holds for the owner of their table too."""


def made(api: Served, name: str, *phones: str) -> dict[str, Any]:
    answer = api.call("POST", "/customers", {"name": name, "phones": list(phones)}, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_no_table_tells_who_it_is(api: Served):
    """Rows as the owner of the database reads them, in every table: text, and the bytes of what is no text."""
    name, number = f"欧阳{uuid.uuid4().hex[:6]}", "+8613911112222"
    customer = made(api, name, number)
    api.call("PATCH", f"/customers/{customer['id']}", {"name": f"{name}二"}, headers={"Idempotency-Key": "sealed-1"})
    told = [name, name.encode().hex(), number, number[3:], number.encode().hex(), "11112222"]
    with api.database.owner.connect() as owner:
        owner.exec_driver_sql(EVERYBODY)
        for table in sa.inspect(owner).get_table_names():
            rows = [str(row) for row in owner.exec_driver_sql(f"SELECT t::text FROM {table} t")]
            assert not [row for row in rows for one in told if one in row], f"{table} tells it"
        assert owner.exec_driver_sql("SELECT count(*) FROM idempotency").scalar(), "there was something to tell"


def test_a_value_opens_in_its_own_row_only(api: Served):
    """Whoever can write to the database cannot give one customer another's name, nor change a bit of it."""
    mine, other = made(api, "移花"), made(api, "接木")
    move = "UPDATE customers SET {0} = (SELECT {1} FROM customers WHERE id = %s) WHERE id = %s"
    with api.database.owner.connect() as owner:
        for to, source in (("name", "name"), ("phones", "phones"), ("phones", "name")):
            with owner.begin():
                owner.exec_driver_sql(EVERYBODY)
                before = owner.exec_driver_sql("SELECT name, phones FROM customers WHERE id = %s", (mine["id"],)).one()
                of = other["id"] if to == source else mine["id"]
                owner.exec_driver_sql(move.format(to, source), (of, mine["id"]))
            with pytest.raises(crypto.Unopenable), api.database.uow() as uow:
                uow.read(queries.Customer, mine["id"])
            with owner.begin():
                owner.exec_driver_sql(EVERYBODY)
                owner.exec_driver_sql("UPDATE customers SET name = %s, phones = %s WHERE id = %s", (*before, mine["id"]))
    assert api.call("GET", f"/customers/{mine['id']}").json()["name"] == "移花"


@pytest.mark.parametrize("typed", ["司", "司徒", "司徒Ａ", "司徒abc", " 司徒ABC"])
def test_every_beginning_of_a_name_finds_it(api: Served, typed: str):
    customer = made(api, f"司徒Abc{uuid.uuid4().hex}")
    found = api.call("GET", "/customers", q=typed, limit=200).json()["items"]
    assert customer["id"] in [one["id"] for one in found]
    assert all(one["name"].startswith("司") for one in found)
    assert api.call("GET", "/customers", q="徒Abc").json()["items"] == []


def test_in_the_order_of_names_page_by_page_both_ways(api: Served):
    mark = uuid.uuid4().hex[:6]
    names = [f"{mark}{end}" for end in ("丙", "乙", "a", "甲", "B", "a")]
    for name in names:
        made(api, name)
    for sort, wanted in (("name", sorted(names)), ("-name", sorted(names, reverse=True))):
        got, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = api.call("GET", "/customers", q=mark, sort=sort, limit=2, total="true", **more).json()
            assert answer["total"] == 6
            got += answer["items"]
            cursor = answer["next_cursor"]
            if cursor is None:
                break
            assert mark not in cursor
        assert [one["name"] for one in got] == wanted
        assert len({one["id"] for one in got}) == 6
    wrong = api.call("GET", "/customers", sort="name", cursor="WyJuYW1lIiwiYWIiLCIwIl0")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_cursor")


def test_more_than_can_be_sorted_is_refused(api: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queries, "SORTED_AT_MOST", 1)
    for name in ("甲", "乙"):
        made(api, name)
    answer = api.call("GET", "/customers", sort="name")
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (422, "too_many_to_sort", 1)


def test_stored_answers_are_given_again_and_tell_nothing(api: Served):
    key, body = {"Idempotency-Key": uuid.uuid4().hex}, {"name": "重来", "phone": "13700000001"}
    first, again = (api.call("POST", "/customers", body, headers=key) for _ in range(2))
    assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
    other = api.call("POST", "/customers", {**body, "name": "别人"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    [row] = api.rows("SELECT answer FROM idempotency WHERE key = :key", key=key["Idempotency-Key"])
    assert b"id" not in bytes(row.answer)[:1] and bytes(row.answer)[:1] == b"\x01"


def test_order_of_a_page_is_total(api: Served):
    items = api.call("GET", "/customers", sort="name", limit=200).json()["items"]
    assert all((a["name"], a["id"]) <= (b["name"], b["id"]) for a, b in pairwise(items))
