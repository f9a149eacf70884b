"""An answer kept under an idempotency key is given again to who may still see it, and nothing is done twice."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.domain.masking import ERASED
from tests.integration.chassis.conftest import Shelf, token
from tests.integration.chassis.test_http import book

HERE = "/HQ/KEPT/S1/"
NARROWER: dict[str, dict[str, Any]] = {
    "moved to another site": {"scope": "/HQ/KEPT/S2/"}, "moved above": {"scope": "/HQ/"}, "lost the right to read": {"perms": ("shelf.book.create", "shelf.book.lend")},
    "sees numbers in part": {"perms": ("shelf.*",)}, "an outside account now": {"party": {"id": str(uuid.uuid4()), "kind": "customer", "scope": HERE}},
}  # fmt: skip


def asked(shelf: Shelf, make: dict[str, Any], key: str, verb: str = "", **who: Any) -> Any:
    return shelf.call("POST", f"/books{verb}", make, headers={"Idempotency-Key": key}, bearer=token(**{"scope": HERE, **who}))


@pytest.mark.parametrize("who", NARROWER)
@pytest.mark.parametrize("verb", [False, True])
def test_other_eyes_are_told_only_that_it_was_done(shelf: Shelf, who: str, verb: bool) -> None:
    body, key = book(title=f"secret {who}", org_path=HERE), uuid.uuid4().hex
    made = asked(shelf, body, key)
    request = (body, key, "")
    if verb:
        request = ({}, uuid.uuid4().hex, f"/{made.json()['id']}/lend")
        made = asked(shelf, *request)
    again = asked(shelf, *request, **NARROWER[who])
    assert again.status_code in (403, 409), again.text
    assert "secret" not in again.text and again.json()["code"] in ("answer_withheld", "forbidden")
    assert asked(shelf, *request).content == made.content, "the same eyes see the same answer"


def test_what_moved_out_of_sight_is_not_told(shelf: Shelf) -> None:
    body, key = book(title="secret", org_path=HERE), uuid.uuid4().hex
    id = asked(shelf, body, key).json()["id"]
    lent = uuid.uuid4().hex
    assert asked(shelf, {}, lent, f"/{id}/lend").status_code == 200
    change(shelf, id, org_path="/HQ/KEPT/S9/")
    for again in (asked(shelf, body, key), asked(shelf, {}, lent, f"/{id}/lend")):
        assert (again.status_code, again.json()["code"]) == (409, "answer_withheld") and "secret" not in again.text
    change(shelf, id, org_path=HERE)
    assert asked(shelf, body, key).status_code == 201
    with shelf.database.uow() as uow:
        assert uow.scalar(sa.text("SELECT count(*) FROM books WHERE code = :code"), {"code": body["code"]}) == 1


def test_who_was_erased_since_is_not_told(shelf: Shelf) -> None:
    body, key = book(title="Wang Fang", org_path=HERE), uuid.uuid4().hex
    made = asked(shelf, body, key).json()
    change(shelf, made["id"], title=ERASED)
    again = asked(shelf, body, key)
    assert again.status_code == 201 and again.json() == {**made, "title": ERASED}
    assert again.headers["idempotency-replayed"] == "true"


def change(shelf: Shelf, id: str, **to: str) -> None:
    (name, value), = to.items()
    with shelf.database.owner.begin() as connection:
        connection.execute(sa.text("SELECT set_config('app.scope', '/', true)"))
        connection.execute(sa.text(f"UPDATE books SET {name} = :value WHERE id = :id"), {"value": value, "id": id})
