"""Functions that run with the owner's rights (SECURITY DEFINER), of all databases: who may call them, and what they do for whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from deploy.local.databases import NAMES
from tests.support.database import ServiceDatabase, service_database
from tests.support.world import services

ERASED, WANTED, BRANCH = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
SEED = {
    "": f"""
        INSERT INTO scope_moves (unit_id, former, current, sequence, moved_at) VALUES ('{BRANCH}', '/HQ/A/', '/HQ/B/A/', 2, now());
        INSERT INTO journal (entity, entity_id, org_path, at, action, actor, data)
        VALUES ('work_order', '{BRANCH}', '/HQ/A/', now(), 'x', 'x', '{{"approved_by": "Wang Fang"}}');
        INSERT INTO inbox (event_id, type, source, subject, sequence, state, received_at, handled_at)
        VALUES ('{BRANCH}', 'x', 'x', 'x', 1, 'done', now(), now())""",
    "callcenter": f"""
        INSERT INTO customers (id, name, phones, version, created_at, created_by, updated_at, updated_by)
        SELECT id::uuid, '', '', 1, now(), 'x', now(), 'x' FROM unnest(ARRAY['{WANTED}', '{BRANCH}']) id;
        SELECT link_customer_to('{WANTED}', '/HQ/C/'), link_customer_to('{BRANCH}', '/HQ/A/')""",
    "orders": f"""
        INSERT INTO customer_copies (id, name, phones, phone_marks, sequence, erased_at)
        VALUES ('{ERASED}', 'x', '[]', '{{}}', 1, now()), ('{WANTED}', 'x', '[]', '{{}}', 1, NULL);
        INSERT INTO erasures (id, reason, erased_at, version, created_at, created_by, updated_at, updated_by)
        VALUES ('{ERASED}', 'x', now(), 1, now(), 'x', now(), 'x');
        INSERT INTO sites (id, code, code_key, org_unit_key, search_key, name, org_unit_code, time_zone, org_path, version, created_at, created_by, updated_at, updated_by)
        VALUES ('{BRANCH}', 'x', 'x', 'x', 'x', 'x', 'x', 'x', '/HQ/B/', 1, now(), 'x', now(), 'x');
        INSERT INTO work_orders (id, number, kind, channel, origin, state, site_id, time_zone, problem, coverage, coverage_reason, quote_version,
            returned, repaired, unrepaired, reopened, registered_at, org_path, version, created_at, created_by, updated_at, updated_by)
        SELECT id, id::text, 'repair', 'mail', 'live', state, '{BRANCH}', 'x', 'x', 'to_check', '[]', 0,
            false, false, false, false, now(), path, 1, now(), 'x', now(), 'x'
        FROM (VALUES ('{BRANCH}'::uuid, 'registered', '/HQ/B/'), ('{WANTED}', 'in_repair', '/HQ/B/'), ('{ERASED}', 'registered', '/HQ/C/')) o (id, state, path)""",
}
KIND = "one that the service numbers"
KINDS = {"orders": ["work_order"], "inventory": ["stock_receipt"], "finance": ["bill"]}
Asked = tuple[str | None, tuple[Any, ...]]
FOR_THE_APPLICATION: dict[str, tuple[list[Asked], list[Asked]]] = {
    # name: what is done, and what is refused: (the caller's scope, arguments)
    "move_scope": (
        [("/", ("/HQ/A/", "/HQ/B/A/")), ("/HQ/", ("/HQ/A/", "/HQ/B/A/"))],
        [
            (None, ("/HQ/A/", "/HQ/B/A/")), ("", ("/HQ/A/", "/HQ/B/A/")), ("/HQ/A/", ("/HQ/A/", "/HQ/B/A/")),
            ("/HQ/B/", ("/HQ/A/", "/HQ/B/A/")), ("/", ("/HQ/A/", "/HQ/C/")), ("/", ("/HQ/B/A/", "/HQ/A/")), ("/", ("/HQ/", "/HQ/B/A/")),
            ("/", ("", "/HQ/B/A/")), ("/", ("/HQ/A/", "")), ("/", ("/HQ/A/", None)), ("/", (None, "/HQ/B/A/")), ("/", ("%", "/HQ/B/A/")),
        ],
    ),
    "forget_names": (
        [("/", (ERASED, "已抹除")), ("/HQ/", (ERASED, "已抹除"))],
        [
            (None, (ERASED, "已抹除")), ("", (ERASED, "已抹除")), ("/HQ/A/", (ERASED, "已抹除")), ("/HQ", (WANTED, "已抹除")),
            ("/", (WANTED, "已抹除")), ("/", (ERASED, "Wang Fang")), ("/", (ERASED, None)), ("/", (None, "已抹除")), ("/", (BRANCH, "已抹除")),
        ],
    ),
    # An order that may still be moved, to where its site is; the caller sees both.
    "follow_work_order": (
        [("/", (BRANCH,)), ("/HQ/", (BRANCH,)), ("/HQ/", (ERASED,))],
        [(scope, (BRANCH,)) for scope in (None, "", "/HQ/A/")] + [(scope, (ERASED,)) for scope in ("/HQ/B/", "/HQ/C/")] + [("/", (id,)) for id in (WANTED, None)],
    ),
    "index_work_order": (
        [(scope, (BRANCH, ["x"])) for scope in ("/", "/HQ/", "/HQ/B/")],
        [(scope, (BRANCH, ["x"])) for scope in (None, "", "/HQ/A/")] + [("/HQ/B/", (ERASED, ["x"])), ("/", (None, ["x"]))],
    ),
    # tests/integration/orders/test_custody_in_the_database.py has every step from every side.
    "move_custody": (
        [(scope, ("work_orders", BRANCH, 1, None, BRANCH)) for scope in ("/", "/HQ/", "/HQ/B/")],
        [(scope, ("work_orders", BRANCH, 1, None, BRANCH)) for scope in (None, "", "/HQ/A/", "/HQ/C/")]
        + [("/", asked) for asked in (("work_orders", BRANCH, 2, None, BRANCH), ("work_orders", None, 1, None, BRANCH), ("work_orders", BRANCH, None, None, BRANCH))],
    ),
    # Numbers are the company's: whoever draws, and of whichever site.
    "draw_numbers": (
        [(scope, (KIND, month, count)) for scope in (None, "/HQ/A/") for month, count in ((None, 1), ("2611", 500))],
        [("/", asked) for asked in (("x", None, 1), (None, None, 1), *((KIND, "2611", most) for most in (0, -1, 2**31 - 1, None)), (KIND, "26-1", 1))],
    ),
    **dict.fromkeys(("next_number", "reset_number"), (
        [(scope, (KIND, month)) for scope in (None, "/HQ/A/") for month in (None, "2611")], [("/", asked) for asked in (("x", None), (None, "2611"), (KIND, "%"))],
    )),
    # Links and marks of customers: tests/integration/callcenter/test_links.py has the rest.
    "customer_page": (
        [(scope, ("{}", None, None, n, upward)) for scope in (None, "", "/", "/HQ/A/") for n, upward in ((1, True), (10_001, False))],
        [("/", ("{}", None, None, n, True)) for n in (0, 10_002, None)] + [("/", ("{NULL}", None, None, 1, True))],
    ),
    "customer_count": ([(scope, ("{}",)) for scope in (None, "", "/", "/HQ/A/")], [("/", ("{NULL}",))]),
    "link_customer": (
        [("/HQ/B/", (ERASED,)), ("/HQ/B/", (WANTED,)), ("/HQ/C/", (WANTED,)), ("/HQ/", (WANTED,))],
        [(None, (WANTED,)), ("", (WANTED,)), ("/HQ/B/", (None,))],
    ),
    "link_customer_to": (
        [("/", (WANTED, "/HQ/B/")), ("/", (ERASED, "/HQ/B/"))],
        [(scope, (WANTED, "/HQ/B/")) for scope in (None, "", "/HQ/", "/HQ/B/")] + [("/", asked) for asked in ((None, "/HQ/B/"), (WANTED, None), (WANTED, "HQ"))],
    ),
    "mark_customer": (
        [("/HQ/C/", (WANTED, "{}", "{7}")), ("/", (WANTED, "{7}", "{}"))],
        [(scope, (WANTED, "{}", "{7}")) for scope in (None, "", "/HQ/B/")] + [("/", asked) for asked in ((None, "{}", "{7}"), (WANTED, None, "{7}"), (WANTED, "{}", None))],
    ),
    "move_customer_links": (
        [("/", ("/HQ/A/", "/HQ/B/A/")), ("/HQ/", ("/HQ/A/", "/HQ/B/A/"))],
        [(scope, ("/HQ/A/", "/HQ/B/A/")) for scope in (None, "", "/HQ/A/", "/HQ/B/")]
        + [("/", asked) for asked in (("/HQ/A/", "/HQ/C/"), ("/HQ/B/A/", "/HQ/A/"), ("", "/HQ/B/A/"), ("/HQ/A/", None), (None, "/HQ/B/A/"))],
    ),
    "find_customer": (
        [(scope, ("{7}", "x", "x", most)) for scope in ("/", "/HQ/B/") for most in (None, 120)],
        [(None, ("{7}", "x", "x", None)), ("", ("{7}", "x", "x", None))]
        + [("/", asked) for asked in ((None, "x", "x", None), ("{7}", "", "x", None), ("{7}", "x", None, None))],
    ),
    # Whatever it is asked, what is not old enough stays (tests/integration/deploy/test_pruning.py).
    "prune_messages": ([(scope, (most,)) for scope in (None, "/") for most in (0, 1, 2**31 - 1, None)], []),
}
OF_ORDERS = ("work_orders", "work_order_tokens")
CUSTOMERS = {
    "customer_page": "%s::bigint[], %s::timestamptz, %s::uuid, %s::integer, %s::boolean", "customer_count": "%s::bigint[]", "link_customer": "%s::uuid",
    "link_customer_to": "%s::uuid, %s::text", "mark_customer": "%s::uuid, %s::bigint[], %s::bigint[]", "move_customer_links": "%s::text, %s::text",
    "find_customer": "%s::bigint[], %s::text, %s::text, %s::integer",
}  # fmt: skip
OUTSIDE = {"draw_numbers": "orders"}
"""Which the role of outside accounts may call, and where: they have repairs registered."""
CHANGES = {"move_scope", "follow_work_order", "index_work_order", "move_custody"}
"""Those that change what was seeded: no order is the erased customer's."""
FOUND = """
SELECT p.proname, pg_get_function_result(p.oid) = 'trigger', (SELECT setting FROM unnest(p.proconfig) setting WHERE setting LIKE 'search_path=%%'),
       has_function_privilege('public', p.oid, 'EXECUTE'), has_function_privilege(%(outside)s, p.oid, 'EXECUTE'),
       has_function_privilege(%(app)s, p.oid, 'EXECUTE')
FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace ORDER BY 1
"""


@pytest.fixture(scope="module", params=NAMES)
def migrated(request: pytest.FixtureRequest, database_server: str) -> Iterator[tuple[str, ServiceDatabase]]:
    service = next(service for service in services() if service.name == request.param)
    with service_database(database_server, service) as database:
        with closing(connected(database.app_url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.scope', '/', true)")
            for name in ("", service.name):
                cursor.execute(SEED.get(name, "SELECT"))
        yield service.name, database


def connected(url: str) -> Any:
    return psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))


def functions(database: ServiceDatabase) -> list[Any]:
    app = str(make_url(database.app_url).username)
    with closing(connected(database.owner_url)) as connection, connection.cursor() as cursor:
        cursor.execute(FOUND, {"app": app, "outside": f"{app.removesuffix('_app')}_outside"})
        return list(cursor.fetchall())


def test_they_find_their_own_tables_and_are_for_whom_they_were_made(migrated: tuple[str, ServiceDatabase]) -> None:
    """Triggers are called by nobody. The outside role of G-10 has hardly any."""
    found = functions(migrated[1])
    assert {"move_scope", "prune_messages"} <= {name for name, *_ in found}
    for name, trigger, path, public, outside, app in found:
        assert (path or "").endswith("pg_temp"), f"{name} looks for tables where its caller says"
        assert not public and outside is (OUTSIDE.get(name) == migrated[0]), name
        assert app is (not trigger), name
        assert trigger or name in FOR_THE_APPLICATION, f"{name}: what may it be asked, and by whom?"


def test_they_check_what_they_are_asked(migrated: tuple[str, ServiceDatabase]) -> None:
    kinds = KINDS.get(migrated[0], [""])
    asked = [name for name, trigger, *_ in functions(migrated[1]) if not trigger]
    for name in asked:
        done, refused = ([(scope, tuple(kinds[0] if one is KIND else one for one in arguments)) for scope, arguments in asked] for asked in FOR_THE_APPLICATION[name])
        for scope, arguments in () if name == "move_custody" and migrated[0] != "orders" else done:  # the store's are not seeded
            with closing(connected(migrated[1].app_url)) as connection:
                before = whole(connection)
                called(connection, name, scope, arguments)
                assert (whole(connection) != before) is (name in CHANGES)
        for scope, arguments in refused:
            with closing(connected(migrated[1].app_url)) as connection, pytest.raises(psycopg2.errors.InsufficientPrivilege):
                called(connection, name, scope, arguments)
                pytest.fail(f"{name}{arguments} was done under the scope {scope}")


def called(connection: Any, name: str, scope: str | None, arguments: tuple[Any, ...]) -> None:
    with connection.cursor() as cursor:
        if scope is not None:
            cursor.execute("SELECT set_config('app.scope', %s, true)", (scope,))
        casts = {**CUSTOMERS, "index_work_order": "%s::uuid, %s::text[]", "move_custody": "%s::text, %s::uuid, %s::integer, %s::uuid, %s::uuid", "draw_numbers": "%s::text, %s::text, %s::integer", "next_number": "%s::text, %s::text", "reset_number": "%s::text, %s::text", "move_scope": "%s::text, %s::text", "forget_names": "%s::uuid, %s::text", "prune_messages": "%s::integer", "follow_work_order": "%s::uuid"}[name]
        cursor.execute(f"SELECT {name}({casts})", arguments)


def whole(connection: Any) -> list[Any]:
    """What was seeded, as it stands in the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.scope', true)")
        before = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('app.scope', '/', true)")
        cursor.execute("SELECT (SELECT json_agg(j ORDER BY id)::text FROM journal j), (SELECT json_agg(i)::text FROM inbox i)")
        found = list(cursor.fetchall())
        for table in OF_ORDERS:
            cursor.execute("SELECT to_regclass(%s)", (table,))
            if cursor.fetchone()[0]:
                cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
                found += cursor.fetchall()
        cursor.execute("SELECT set_config('app.scope', %s, true)", (before or "",))
        return found
