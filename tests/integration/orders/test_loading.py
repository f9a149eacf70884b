"""An order is read whole behind its lock: what was committed while somebody waited for it is seen."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from services.orders.repairs import loading, queries, usecases
from tests.integration.orders.conftest import Shop
from tests.support.client import eventually

SYSTEM = Principal.system("test")
FOUND = {"symptom": "no water", "cause": "filter", "finding": "blocked"}


def test_who_waited_for_the_lock_reads_what_was_committed_meanwhile(shop: Shop):
    engine = shop.served.database.engine
    job = shop.order().do("assign", {"technician_id": shop.technician["id"]}).do("start")
    id = uuid.UUID(job.id)

    def second() -> tuple[str | None, int]:
        with UnitOfWork(engine, SYSTEM) as uow:
            order = loading.fetch(uow, id)
            return order.sections.diagnosis and order.sections.diagnosis.finding, order.version

    def waiting() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())")))

    with ThreadPoolExecutor(1) as pool:
        with UnitOfWork(engine, SYSTEM) as first:
            usecases.diagnose(first, id, **FOUND)
            later = pool.submit(second)
            eventually(waiting, "the second waits for the lock")
            version = loading.fetch(first, id).version
        assert later.result(timeout=10) == (FOUND["finding"], version)


def test_what_is_new_or_locked_here_is_not_asked_for_again(shop: Shop):
    with UnitOfWork(shop.served.database.engine, SYSTEM) as uow:
        order = usecases.register(uow, "repair", "counter", shop.site["id"], "does not start")
        assert loading.fetch(uow, order.id) is order, "not stored yet"
        assert queries.document(uow, order, "en")["site_name"] == shop.site["name"]
    with UnitOfWork(shop.served.database.engine, SYSTEM) as uow:
        seen = loading.see(uow, order.id)
        fetched = loading.fetch(uow, order.id)
        assert fetched is loading.fetch(uow, order.id) is loading.see(uow, order.id) and fetched is not seen, "a lock reads anew"


def test_names_follow_the_ids_of_the_order(shop: Shop):
    other = shop.ok("POST", "/technicians", {"name": "韩梅梅", "site_id": shop.site["id"]})
    job = shop.order().do("assign", {"technician_id": shop.technician["id"]})
    assert job.document["technician_name"] == "李雷"
    assert job.do("assign", {"technician_id": other["id"]}).document["technician_name"] == "韩梅梅"
