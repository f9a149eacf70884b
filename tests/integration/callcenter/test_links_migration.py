"""Revision 0012: customers of before are found as they were, and seen by the sites whose documents name them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from chassis.db.migrate import upgrade
from chassis.db.rows import mapping
from services.callcenter.app import SERVICE
from services.callcenter.customers.customer import Customer, name_mark, name_marks, phone_marks
from tests.integration.orders.test_warranty_terms import STAMPS
from tests.support.database import database_at

BEFORE, LINKED = "0011", "0012"
PUT = sa.text(
    "INSERT INTO customers (id, name, phones, name_marks, phone_marks, version, created_at, created_by, updated_at, updated_by)"
    " VALUES (:id, :name, :phones, :names, :numbers, :version, :created_at, :created_by, :updated_at, :updated_by)"
)
REVISIT = sa.text(
    "INSERT INTO revisits (id, state, work_order_id, work_order_number, site_id, customer_id, completed_on, due_on, org_path,"
    " version, created_at, created_by, updated_at, updated_by) VALUES (gen_random_uuid(), 'open', gen_random_uuid(), 'RE1', gen_random_uuid(),"
    " :customer, now(), now(), :path, 1, CAST(:at AS timestamptz), 'x', now(), 'x')"
)
SITE, OTHER = "/HQ/B1/S1/", "/HQ/B2/S2/"


@pytest.fixture
def old(database_server: str) -> Iterator[sa.Engine]:
    with database_at(database_server, SERVICE, BEFORE) as engine:
        yield engine


def test_customers_of_before_are_linked_and_found(old: sa.Engine) -> None:
    served, nobodys, numbers = uuid.uuid4(), uuid.uuid4(), ["+8613800138000"]
    with old.begin() as connection:
        connection.execute(sa.text("SELECT set_config('app.scope', '/', true)"))
        for id, name in ((served, "王芳芳"), (nobodys, "王明")):
            sealed = mapping(Customer).sealed({"id": id, "name": name, "phones": numbers})
            connection.execute(PUT, {**STAMPS, **sealed, "names": name_marks(name), "numbers": phone_marks(numbers)})
        for path, at in ((OTHER, "2026-02-02"), (SITE, "2026-01-01"), (SITE, "2026-03-03"), ("/HQ/", "2025-01-01")):
            connection.execute(REVISIT, {"customer": served, "path": path, "at": at})
        connection.execute(REVISIT, {"customer": uuid.uuid4(), "path": SITE, "at": "2026-01-01"})
        connection.execute(REVISIT, {"customer": None, "path": SITE, "at": "2026-01-01"})
    upgrade(SERVICE, old.url.render_as_string(hide_password=False), LINKED)
    with old.connect() as connection:

        def page(scope: str, *marks: int) -> list[uuid.UUID]:
            connection.execute(sa.text("SELECT set_config('app.scope', :scope, true)"), {"scope": scope})
            asked = sa.text("SELECT id FROM customer_page(CAST(:marks AS bigint[]), NULL, NULL, 50, true)")
            return [row.id for row in connection.execute(asked, {"marks": list(marks)})]

        assert set(page("/", *phone_marks(numbers))) == {served, nobodys} == set(page("/HQ/", name_mark("王")))
        assert page("/HQ/", name_mark("王芳")) == [served]
        for scope in (SITE, OTHER, "/HQ/B1/", "/HQ/B2/"):
            assert page(scope) == [served] == page(scope, *phone_marks(numbers))
        assert page("/HQ/B3/") == []
        connection.execute(sa.text("SELECT set_config('app.scope', '/', true)"))
        links = connection.execute(sa.text("SELECT unit_path, own, created_at FROM customer_links ORDER BY 1")).fetchall()
        assert [(row.unit_path, row.own) for row in links] == [("/HQ/B1/", False), (SITE, True), ("/HQ/B2/", False), (OTHER, True)]
        rows = connection.execute(sa.text("SELECT id, home_path, created_at FROM customers")).fetchall()
        assert {row.id: row.home_path for row in rows} == {served: SITE, nobodys: None}, "the first site of a document"
        assert {row.created_at for row in links} == {row.created_at for row in rows if row.id == served}
