"""Pages, counts and moves of links against slow obvious second ways; plans among many customers; turned keys (R-06)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings, strategies as st

from chassis import crypto
from chassis.db import resealing
from chassis.db.engine import owner_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from services.callcenter.app import SERVICE
from services.callcenter.customers import looking_up, queries
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.links import CUSTOMERS
from services.callcenter.privacy.queries import search_consents
from tests.integration.callcenter.role import BESIDE, BRANCH, ELSEWHERE, HQ, SITE, START, Role, as_owner
from tests.support.database import ServiceDatabase, service_database

# ---------------------------------------------------------------- a second, slow way

UNITS = (HQ, BRANCH, SITE, BESIDE, ELSEWHERE)
ROWS = st.lists(st.tuples(st.sampled_from(UNITS), st.integers(0, 4), st.sets(st.integers(-2, 2)), st.sampled_from((None, *UNITS[1:]))), max_size=14)


@pytest.fixture(scope="module")
def shared(database_server: str) -> Iterator[ServiceDatabase]:
    with service_database(database_server, SERVICE) as found:
        yield found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=ROWS, scope=st.sampled_from(("/", "/HQ/B2/", *UNITS)), asked=st.lists(st.integers(-2, 2), max_size=3), n=st.integers(1, 4), upward=st.booleans())
def test_pages_are_what_a_slow_obvious_way_finds(
    shared: ServiceDatabase, rows: list[Any], scope: str, asked: list[int], n: int, upward: bool
) -> None:
    as_owner(shared, "TRUNCATE customers, customer_links, customer_marks")
    role = Role(shared.app_url)
    with closing(role.connection):
        known = []
        for unit, hour, marks, also in rows:
            at = START + timedelta(hours=hour)
            id = role.new(unit, at)
            role.run("/", "SELECT mark_customer(%s, '{}', %s::bigint[])", id, list(marks))
            if also:
                role.run("/", "SELECT link_customer_to(%s, %s)", id, also)
            known.append((at, id, marks, {unit, also}))
        wanted = sorted(((at, id) for at, id, marks, units in known
                         if set(asked) <= marks and (scope in ("/", HQ) or any(unit and unit != HQ and unit.startswith(scope) for unit in units))),
                        reverse=not upward)  # fmt: skip
        got: list[str] = []
        after: Any = (None, None)
        while page := role.page(scope, asked, after, n, upward):
            assert len(page) <= n
            got += page
            after = next((at, id) for at, id, *_ in known if id == page[-1])
        assert got == [id for _, id in wanted]
        assert role.run(scope, "SELECT customer_count(%s::bigint[])", asked) == [(len(wanted),)]


PLACES = ("/HQ/A/", "/HQ/A/X/", "/HQ/A/Y/", "/HQ/B/", "/HQ/B/X/", "/HQ/Z/")
MOVES = st.sampled_from((("/HQ/A/X/", "/HQ/B/X/"), ("/HQ/B/X/", "/HQ/A/X/"), ("/HQ/A/", "/HQ/C/"), ("/HQ/C/", "/HQ/A/"), ("/HQ/Z/", "/HQ/B/Z/"),
                         ("/HQ/A/Y/", "/HQ/Y/"), ("/HQ/B/", "/HQ/A/B/")))  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(served=st.lists(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3), min_size=1, max_size=4), moves=st.lists(MOVES, max_size=4))
def test_links_after_moves_are_those_of_the_units_own(shared: ServiceDatabase, served: list[list[str]], moves: list[tuple[str, str]]) -> None:
    """Whatever moved where: a row's links are its units' own, where they are now, and every unit above them."""
    as_owner(shared, "TRUNCATE customers, customer_links, customer_marks, scope_moves")
    role = Role(shared.app_url)
    with closing(role.connection):
        own: dict[str, list[str]] = {}
        for first, *others in served:
            id = role.new(first)
            own[id] = [first, *others]
            for unit in others:
                role.run("/", "SELECT link_customer_to(%s, %s)", id, unit)
        for number, (former, current) in enumerate(moves):
            remembered = "INSERT INTO scope_moves (unit_id, former, current, sequence, moved_at) VALUES (gen_random_uuid(), %s, %s, %s, now())"
            role.run("/", remembered, former, current, number)
            role.run("/", "SELECT move_customer_links(%s, %s)", former, current)
            own = {id: [current + unit[len(former) :] if unit.startswith(former) else unit for unit in units] for id, units in own.items()}
        found: dict[str, dict[str, bool]] = {id: {} for id in own}
        for id, unit, itself in role.run("/", "SELECT customer_id::text, unit_path, own FROM customer_links"):
            found[id][unit] = itself
        for id, units in own.items():
            above = {unit[: end + 1] for unit in units for end, sign in enumerate(unit) if sign == "/" and unit[: end + 1].count("/") > 2}
            assert found[id] == {unit: unit in units for unit in above}
            assert role.run("/", "SELECT home_path FROM customers WHERE id = %s", id) == [(units[0],)]


# ---------------------------------------------------------------- plans, keys

MANY = 40_000
FILL = (
    "ALTER TABLE customers DISABLE TRIGGER USER",
    f"""INSERT INTO customers (id, name, phones, version, created_at, created_by, updated_at, updated_by)
        SELECT md5(g::text)::uuid, '', '', 1, timestamptz '2026-01-01' + g * interval '1 minute', 'x', now(), 'x' FROM generate_series(1, {MANY}) g""",
    "ALTER TABLE customers ENABLE TRIGGER USER",
    # One mark that every sixth has, one that hardly anybody has, one of each alone.
    f"""INSERT INTO customer_marks SELECT mark, timestamptz '2026-01-01' + g * interval '1 minute', md5(g::text)::uuid FROM generate_series(1, {MANY}) g,
        LATERAL (SELECT g + 1000 UNION SELECT 1 WHERE g % 6 = 0 UNION SELECT 2 WHERE g % 997 = 0 UNION SELECT 3 WHERE g % 6 = 1) m (mark)""",
    f"""INSERT INTO customer_links SELECT md5(g::text)::uuid, u, timestamptz '2026-01-01' + g * interval '1 minute', u LIKE '%S%'
        FROM generate_series(1, {MANY}) g, units_of(format('/HQ/B%s/S%s/', g % 5, g % 100)) u""",
    "ANALYZE customers", "ANALYZE customer_marks", "ANALYZE customer_links",
)  # fmt: skip


@pytest.fixture(scope="module")
def large(database_server: str) -> Iterator[ServiceDatabase]:
    with service_database(database_server, SERVICE) as found:
        as_owner(found, *FILL)
        yield found


@pytest.mark.parametrize("scope", [HQ, "/HQ/B1/", "/HQ/B1/S1/", "/HQ/B9/S9/"])
@pytest.mark.parametrize("marks", [(), (1,), (2,), (1500,), (1, 3), (2, 1)])
def test_no_list_reads_a_whole_table(large: ServiceDatabase, scope: str, marks: tuple[int, ...]) -> None:
    principal = Principal.of("ann", scope, ["*"])
    queries_ = (queries.ListQuery(limit=50), queries.ListQuery(limit=50, sort="created_at"))
    with UnitOfWork(large.engine, principal) as uow:
        for query in queries_:
            page = CUSTOMERS.page(list(marks), query.limit + 1, None, upward=query.sort == "created_at")
            uow.rows(sa.select(Customer.id).join(page, page.c.id == Customer.id))
            assert whole_tables(uow) == {}, "the first page"
            later = CUSTOMERS.page(list(marks), 51, (START + timedelta(days=14), uuid.UUID(int=0)), upward=query.sort == "created_at")
            uow.rows(sa.select(Customer.id).join(later, later.c.id == Customer.id))
            assert whole_tables(uow) == {}, "a deep one"
        uow.rows(sa.text("SELECT * FROM find_customer('{1500}', 'ann', 'x', NULL)"))
        CUSTOMERS.link(uow, uuid.uuid4())
        uow.find(Customer, id=uuid.uuid4(), lock=True)
        if scope != HQ or marks:
            CUSTOMERS.count(uow, marks)
        assert whole_tables(uow) == {}


def test_children_without_a_named_parent_begin_with_the_units_own(large: ServiceDatabase) -> None:
    as_owner(large, """INSERT INTO consents (id, customer_id, kind, given, stated_on, channel, version, created_at, created_by, updated_at, updated_by)
        SELECT gen_random_uuid(), id, 'marketing', true, now(), 'paper', 1, created_at, 'x', now(), 'x' FROM customers""", "ANALYZE consents")
    for scope, found in (("/HQ/B1/S1/", 50), ("/HQ/B9/S9/", 0), ("/HQ/B1/", 50)):
        with UnitOfWork(large.engine, Principal.of("ann", scope, ["*"])) as uow:
            assert len(search_consents(uow, queries.ListQuery())["items"]) == found
            assert whole_tables(uow) == {} and not uow.scalar(sa.text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'consents'"))
    with UnitOfWork(large.engine, Principal.of("ann", HQ, ["*"])) as uow:
        uow.scalar(sa.text("SELECT count(updated_by) FROM customers"))
        assert whole_tables(uow) == {"customers": 1}, "it would have been seen"


def whole_tables(uow: UnitOfWork) -> dict[str, int]:
    """Which of the large tables the transaction has read from end to end (or one shortly before on its connection)."""
    rows = uow.rows(sa.text("SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND relname ~ '^customer(s|_links|_marks)$'"))
    return {row.relname: row.seq_scan for row in rows}


def test_turned_keys_find_the_same_customers(shared: ServiceDatabase, tmp_path: Path) -> None:
    """Marks are made under the key of the index, which stays when the ring is turned: they are as they were, and so is what they find."""
    as_owner(shared, "TRUNCATE customers, customer_links, customer_marks")
    with UnitOfWork(shared.engine, Principal.of("ann", SITE, ["*"])) as uow:
        customer = Customer.create("王芳", ["+8613800138000"])
        uow.add(customer)
        CUSTOMERS.mark(uow, customer.id, (), customer.marks)
    before, former, ring = customer.marks, crypto.ring(), tmp_path / "keyring.json"
    ring.write_text(former.rotated().text())
    crypto.use(ring)
    try:
        engine = owner_engine(shared.owner_url)
        assert sum(resealing.reseal(engine, SERVICE)) >= 2
        ring.write_text(crypto.ring().without(former.current).text())
        crypto.use(ring)
        with UnitOfWork(shared.engine, Principal.of("ann", SITE, ["*"])) as uow:
            [found] = looking_up.known(uow, ["+8613800138000"])
            assert (found.id, found.name, found.linked) == (customer.id, "王芳", True)
            assert uow.read(Customer, customer.id).marks == before
    finally:
        crypto.use(None)
