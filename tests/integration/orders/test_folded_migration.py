"""Revision 0014: keys of what is there; what exists twice is listed and not merged; words are found over dashes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.db.changes import changes
from chassis.db.migrate import upgrade
from services.orders.app import SERVICE
from tests.integration.orders.test_warranty_terms import STAMPS, Before
from tests.support.database import database_at

BEFORE, FOLDED = "0013", "0014"


@pytest.fixture
def old(database_server: str) -> Iterator[sa.Engine]:
    """A database as the release before left it."""
    with database_at(database_server, SERVICE, BEFORE) as engine:
        yield engine


def found(connection: sa.Connection, statement: str) -> dict[Any, Any]:
    connection.execute(sa.text("SELECT set_config('app.scope', '/', false)"))
    return {row[0]: row[1] for row in connection.execute(sa.text(statement))}


def test_what_exists_twice_is_listed(old: sa.Engine) -> None:
    days = iter(range(1, 29))
    with old.begin() as connection:
        rows = Before(connection)
        product, other = uuid.uuid4(), uuid.uuid4()

        def device(serial: str | None, product_id: uuid.UUID = product) -> uuid.UUID:
            at = f"2026-01-{next(days):02}T00:00:00Z"
            return rows.put("devices", product_id=product_id, serial_number=serial, serial_key=serial and "old", warranty_months=0, stays=[],
                            **{**STAMPS, "created_at": at})  # fmt: skip

        serials = ["SN-1", "sn1", "ＳＮ１", "SN1#2", "SN 2", None, None]
        ids = [device(serial) for serial in serials]
        elsewhere = device("sn 1", other)
        first, second = (
            rows.put("products", code=code, name="Café", brand="x", category="x", warranty_months=0,
                     **{**STAMPS, "created_at": f"2026-01-0{day}T00:00:00Z"})
            for code, day in (("ab–1", 2), ("AB-1", 1))
        )  # fmt: skip
        site = rows.put("sites", code="S  1", name="x", org_unit_code="Ｓ１", time_zone="UTC", org_path="/HQ/S/")
        order = rows.order(ids[0], "2026-01-05T00:00:00Z", problem="E-12 and 不 制冷")
    upgrade(SERVICE, str(old.url.render_as_string(hide_password=False)).replace("+psycopg2", ""), FOLDED)
    with old.connect() as connection:
        keys = found(connection, "SELECT id, serial_key FROM devices")
        assert [keys[id] for id in ids] == ["sn1", "sn1#3", "sn1#4", "sn1#2", "sn2", None, None] and keys[elsewhere] == "sn1"
        shown = found(connection, "SELECT id, serial_number FROM devices")
        assert [shown[id] for id in ids] == serials, "nothing that is shown is changed"
        assert found(connection, "SELECT id, serial_end FROM devices")[ids[4]] == "2ns"
        assert found(connection, "SELECT id, code_key FROM products") == {first: "ab-1#2", second: "ab-1"}, "the older keeps the key"
        assert found(connection, "SELECT id, search_key FROM products")[second] == "ab1\ncafe"
        assert found(connection, "SELECT id, code_key || org_unit_key FROM sites") == {site: "s 1s1"}
        stored = set(found(connection, f"SELECT token, 1 FROM work_order_tokens WHERE work_order_id = '{order}'"))
        assert {"e", "12", "e12 ", "不制", "制冷"} <= stored
        listed = {change.id: (change.action, change.fields) for change in changes(connection, [FOLDED])}
    assert listed == {
        ids[1]: ("there_twice", {"serial_key": ("sn1", "sn1#3")}), ids[2]: ("there_twice", {"serial_key": ("sn1", "sn1#4")}),
        first: ("there_twice", {"code_key": ("ab-1", "ab-1#2")}),
    }  # fmt: skip
