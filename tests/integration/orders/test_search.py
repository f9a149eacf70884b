"""Search and filters of the list, and that PostgreSQL serves them by index below row-level security."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from services.orders.repairs.queries import _matching
from services.orders.repairs.work_order import WorkOrder
from tests.integration.orders.conftest import Shop


def ids(shop: Shop, **filters: Any) -> list[str]:
    return [
        item["id"] for item in shop.ok("GET", "/work-orders", site_id=shop.site["id"], **filters)["items"]
    ]


@pytest.fixture(scope="module")
def shop(api) -> Shop:
    return Shop(api)


def test_number_phone_serial_and_words(shop: Shop):
    customer = shop.customer("+8613800138000", "+861062345678")
    device = shop.device(customer_id=customer, serial_number=f"WP-{shop.code}-9")
    one = shop.order(device_id=device["id"], problem="净水器漏水，Error E12").id
    two = shop.order(problem="No noise, but the FAN is hot", external_id="Z-7").id
    number = shop.ok("GET", f"/work-orders/{one}")["number"]
    for typed in (number, number.lower(), f"{number[:6]}-{number[6:]}", "138 0013", "+86 138-0013-8000", "010 6234", f"WP-{shop.code}",
                  f"wp {shop.code} 9", "漏水", "净水", "水", "e12 漏水", "ERROR"):  # fmt: skip
        assert ids(shop, q=typed) == [one], typed
    for typed in ("fan hot", "noi", "HOT, fan!"):
        assert ids(shop, q=typed) == [two], typed
    assert set(ids(shop, q=number[:6])) == {one, two}
    for typed in ("水漏", "an hot", "139", "!!!", "%", "'"):
        assert ids(shop, q=typed) == [], typed
    assert ids(shop, external_id="Z-7") == [two]


def test_a_customers_new_number_finds_the_old_order(shop: Shop):
    customer = shop.customer("+8613700137000")
    order = shop.order(customer_id=customer).id
    phones = {"name": "王", "phones": ["+8613600136000"]}
    shop.tell("callcenter.customer.changed", phones, subject=customer, sequence=3)
    stale = {"name": "王", "phones": ["+8613700137000"]}
    shop.tell("callcenter.customer.changed", stale, subject=customer, sequence=2)
    assert (ids(shop, q="13700137000"), ids(shop, q="13600136000")) == ([], [order])


def test_every_filter(shop: Shop):
    product = shop.make_product(category=f"Cat {shop.code}")
    device = shop.ok("POST", "/devices", {"product_id": product["id"]})
    customer = shop.customer()
    job = shop.order(device_id=device["id"], customer_id=customer, channel="wechat").start()
    for filters in (
        {"category": f"Cat {shop.code}"},
        {"device_id": device["id"]},
        {"customer_id": customer},
        {"channel": "wechat"},
        {"state": "in_repair"},
        {"technician_id": shop.technician["id"]},
        {"kind": "repair", "origin": "live", "coverage": "to_check", "device_id": device["id"]},
    ):
        assert ids(shop, **filters) == [job.id], filters
    job.quote()
    assert ids(shop, waiting_for="approval") == [job.id]
    for filters in (
        {"category": "Cat"},
        {"origin": "history"},
        {"state": "audited"},
        {"waiting_for": "maker"},
    ):
        assert ids(shop, **filters) == [], filters
    for filters in ({"state": "lost"}, {"site": "x"}, {"customer_id": "x"}, {"q": ""}):
        shop.refused(shop.served.call("GET", "/work-orders", **filters), 400, "validation_failed")


def test_pages_in_every_order(shop: Shop):
    mine = {"channel": "mail"}
    made = [shop.order(channel="mail").id for _ in range(5)]
    for sort in ("created_at", "number", "registered_at"):
        for sign, expected in (("", made), ("-", made[::-1])):
            found, cursor = [], None
            while True:
                more = {"cursor": cursor} if cursor else {}
                page = shop.ok(
                    "GET", "/work-orders", site_id=shop.site["id"], sort=sign + sort, limit=2, **mine, **more
                )
                found += [item["id"] for item in page["items"]]
                if (cursor := page["next_cursor"]) is None:
                    break
            assert found == expected, sign + sort
    shop.refused(shop.served.call("GET", "/work-orders", sort="diagnosis"), 400, "bad_sort")
    shop.refused(shop.served.call("GET", "/work-orders", cursor="abc"), 400, "bad_cursor")
    assert ids(shop, **mine) == made[::-1], "newest first unless asked"


@pytest.fixture(scope="module")
def crowd(shop: Shop) -> Iterator[None]:
    """Enough orders of other sites that reading all of them would be the wrong plan."""
    shop.order(problem="漏水 fan hot")
    fresh = ("id", "number", "org_path", "customer_id", "device_id")
    columns = [column.name for column in WorkOrder.__table__.columns if column.name not in fresh]
    copied = ", ".join(columns)
    with shop.served.database.uow() as uow:
        uow.rows(
            sa.text(f"""INSERT INTO work_orders ({", ".join(fresh)}, {copied})
            SELECT gen_random_uuid(), 'XX' || g, '/HQ/CROWD/S' || g % 50 || '/', gen_random_uuid(), gen_random_uuid(), {copied}
            FROM (SELECT * FROM work_orders WHERE external_id IS NULL LIMIT 1) w, generate_series(1, 8000) g RETURNING 1""")
        )
        uow.rows(
            sa.text("""INSERT INTO work_order_tokens (token, org_path, work_order_id)
            SELECT 'w' || md5((g % 3000)::text), '/HQ/CROWD/S' || g % 50 || '/', gen_random_uuid()
            FROM generate_series(1, 30000) g RETURNING 1""")
        )
    with shop.served.database.owner.connect() as owner:
        owner.exec_driver_sql(
            "INSERT INTO customer_copies (id, name, phones, phone_marks, sequence)"
            " SELECT gen_random_uuid(), '', '', array(SELECT g * 31 + n FROM generate_series(1, 20) n), 1"
            " FROM generate_series(1, 20000) g"
        )
        owner.exec_driver_sql("ANALYZE work_orders, work_order_tokens, devices, customer_copies")
        owner.commit()
    yield
    with shop.served.database.owner.begin() as owner:  # the service itself may remove no order
        owner.exec_driver_sql("SELECT set_config('app.scope', '/HQ/CROWD/', true)")
        for table in ("work_orders", "work_order_tokens"):
            assert owner.exec_driver_sql(f"DELETE FROM {table}").rowcount
        assert owner.exec_driver_sql("DELETE FROM customer_copies WHERE name = ''").rowcount


@pytest.mark.parametrize("scope", ["/HQ/", "site"])
@pytest.mark.parametrize(
    ("typed", "indexes"),
    [
        ("漏水", ["pk_work_order_tokens"]),
        ("fan hot", ["pk_work_order_tokens"]),
        ("RE2611", ["uq_work_orders_number"]),
        ("13800", ["ix_customer_copies_phone_marks", "ix_work_orders_customer_id"]),
    ],
)
def test_search_uses_indexes_below_row_level_security(
    shop: Shop, crowd: None, scope: str, typed: str, indexes: list[str]
):
    """With LIKE instead of comparisons every row of every site would be read before its text is looked at."""
    with UnitOfWork(
        shop.served.database.engine, Principal.of("x", shop.path if scope == "site" else scope, ["*"])
    ) as uow:
        matching = sa.select(WorkOrder.id).where(_matching(uow, typed))
        compiled = str(matching.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
        plan = [row[0] for row in uow.rows(sa.text(f"EXPLAIN {compiled}".replace(":", "\\:")))]
    text = "\n".join(plan)
    assert "Seq Scan on work_orders" not in text and "Seq Scan on work_order_tokens" not in text, text
    if scope == "/HQ/":
        assert all(index in text for index in indexes), text
    if "pk_work_order_tokens" in indexes:
        conditions = [line for line in plan if "Index Cond" in line and "token >=" in line]
        assert len(conditions) == len(typed.split()), text
        # The rarest word by itself, below the scope; the others are asked of the orders that it found.
        assert all("org_path" in line or "work_order_id" in line for line in conditions), text
        assert any("org_path" in line for line in conditions), text
