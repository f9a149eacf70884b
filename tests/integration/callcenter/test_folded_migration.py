"""Revision 0010: names that were marked with their blanks, dashes and accents are found without them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from chassis import crypto
from chassis.db.migrate import upgrade
from chassis.db.rows import mapping
from services.callcenter.app import SERVICE
from services.callcenter.customers.customer import Customer, name_marks
from tests.integration.orders.test_warranty_terms import STAMPS
from tests.support.database import database_at

BEFORE, FOLDED = "0009", "0010"
PUT = sa.text(
    "INSERT INTO customers (id, name, phones, name_marks, phone_marks, erased_at, version, created_at, created_by, updated_at, updated_by)"
    " VALUES (:id, :name, :phones, :marks, '{}', :erased, :version, :created_at, :created_by, :updated_at, :updated_by)"
)


@pytest.fixture
def old(database_server: str) -> Iterator[sa.Engine]:
    with database_at(database_server, SERVICE, BEFORE) as engine:
        yield engine


def test_marks_are_made_anew(old: sa.Engine) -> None:
    names = {"Zoë van-Dijk": "zoë van-dijk", "王芳芳": "王芳芳"}
    made = {name: uuid.uuid4() for name in names}
    erased = uuid.uuid4()
    with old.begin() as connection:
        for name, id in [*made.items(), ("Ã", erased)]:
            key = names.get(name, "")
            marks = [crypto.mark(key[:length], "customer.name") for length in range(1, len(key) + 1)]
            sealed = mapping(Customer).sealed({"id": id, "name": name, "phones": []})
            connection.execute(PUT, {**STAMPS, **sealed, "marks": marks, "erased": STAMPS["created_at"] if id == erased else None})
    upgrade(SERVICE, old.url.render_as_string(hide_password=False), FOLDED)
    with old.connect() as connection:
        found = {row.id: list(row.name_marks) for row in connection.execute(sa.text("SELECT id, name_marks FROM customers"))}
    assert found == {**{id: name_marks(name) for name, id in made.items()}, erased: []}
