"""Revision 0011: customers of before are found by the end of a number too; who was erased is not."""

from __future__ import annotations

import uuid

import orjson
import sqlalchemy as sa

from chassis import crypto
from chassis.db.migrate import upgrade
from services.callcenter.app import SERVICE
from services.callcenter.customers.customer import end_marks, phone_marks
from tests.support.database import database_at

BEFORE, MENDED = "0010", "0011"
ROW = """INSERT INTO customers (id, name, phones, name_marks, phone_marks, erased_at, version, created_at, created_by, updated_at, updated_by)
VALUES (:id, '', :phones, '{}', :marks, :erased_at, 1, now(), 'x', now(), 'x')"""


def test_numbers_of_before_get_marks_of_their_ends(database_server: str) -> None:
    with database_at(database_server, SERVICE, BEFORE) as engine:
        kept, erased, numbers = uuid.uuid4(), uuid.uuid4(), ["+8613800138000", "+861062345678"]
        with engine.begin() as connection:
            for id, phones, at in ((kept, numbers, None), (erased, [], "2026-01-01")):
                sealed = crypto.seal(orjson.dumps(phones), crypto.place("customers", "phones", id))
                marks = [crypto.mark(number, "customer.phone") for number in phones]
                connection.execute(sa.text(ROW), {"id": id, "phones": sealed, "marks": marks, "erased_at": at})
        upgrade(SERVICE, engine.url.render_as_string(hide_password=False), MENDED)
        with engine.begin() as connection:
            found = dict(connection.execute(sa.text("SELECT id, phone_marks FROM customers")).tuples().all())
        assert found == {kept: phone_marks(numbers), erased: []} and set(end_marks(["8000", "5678"])) <= set(found[kept])
