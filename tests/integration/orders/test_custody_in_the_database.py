"""Custody held by the database itself (O-101): as the service's own role, with nothing but SQL, for the owner, the holder, the addressee and a
stranger, while the device lies at another site and between ship and receipt."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa

from tests.integration.orders.conftest import Shop
from tests.integration.orders.test_attachments import kept
from tests.integration.orders.test_hand_over_slips import Road
from tests.support import files
from tests.support.serving import Served

BY_ORDER = (
    "diagnoses", "quotes", "quote_lines", "part_returns", "checks", "hand_overs", "timeline_entries", "requisition_copies", "bill_copies",
    "revisit_copies", "reveals", "appointments",
)  # fmt: skip
GUARDED = ("org_path", "held_path", "held_site_id", "bound_path", "bound_site_id")


class Sql:
    """The application's role under somebody's scope; everything is rolled back."""

    def __init__(self, api: Served, scope: str | None) -> None:
        self.api, self.scope = api, scope

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        connection = self.api.database.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            if self.scope is not None:
                cursor.execute("SELECT set_config('app.scope', %s, true)", (self.scope,))
            yield cursor
        finally:
            connection.cursor().execute("ROLLBACK")
            connection.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def count(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Rows that a writing statement touches."""
        with self.cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)

    def refused(self, sql: str, values: Sequence[Any] = ()) -> str:
        """The SQLSTATE it fails with, deferred constraints asked as well."""
        with self.cursor() as cursor, pytest.raises(psycopg2.Error) as failed:
            cursor.execute(sql, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return str(failed.value.pgcode)


class Place(Road):
    """An order with a row in every table that hangs on one, and a neighbour's order that nobody sent anywhere."""

    def __init__(self, api: Served) -> None:
        super().__init__(api)
        job, home = self.job, self.home
        job.do("assign", {"technician_id": home.technician["id"], "appointment_start": (datetime.now(UTC) + timedelta(days=1)).isoformat()})
        job.start().diagnose().quote()
        job.do("approve", {"approved_by": "王芳"})
        job.reserved()
        kept(home, f"/work-orders/{job.id}/attachments", content=files.png())
        self.other = home.order(problem="another 异响")

    def sql(self, who: Shop | str | None) -> Sql:
        return Sql(self.api, who.path if isinstance(who, Shop) else who)

    def orders(self, who: Shop | str | None) -> set[str]:
        wanted = (self.job.id, self.other.id)
        return {str(id) for (id,) in self.sql(who).rows("SELECT id FROM work_orders WHERE id = ANY(%s::uuid[])", ([*wanted],))}

    def counts(self, who: Shop | str | None) -> dict[str, int]:
        """Rows of the sent order by table, which is all of it there is."""
        found = {
            table: self.sql(who).rows(f"SELECT count(*) FROM {table} WHERE work_order_id = %s", (self.job.id,))[0][0]
            for table in (*BY_ORDER, "work_order_tokens")
        }
        found["journal"] = self.sql(who).rows("SELECT count(*) FROM journal WHERE entity_id = %s", (self.job.id,))[0][0]
        found["attachments"] = self.sql(who).rows("SELECT count(*) FROM attachments WHERE owner_id = %s", (self.job.id,))[0][0]
        found["attachment_pieces"] = self.sql(who).rows(
            "SELECT count(*) FROM attachment_pieces p JOIN attachments a ON a.id = p.attachment_id WHERE a.owner_id = %s", (self.job.id,)
        )[0][0]
        return found

    def everything(self, who: Shop | str | None) -> int:
        """Rows that somebody sees in all scoped tables together, whatever they are about."""
        sql = self.sql(who)
        tables = sql.rows(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_path'"
            " WHERE c.relkind = 'r' AND c.relrowsecurity AND c.relnamespace = 'public'::regnamespace AND c.relname NOT IN ('outbox')"
        )
        return sum(int(sql.rows(f"SELECT count(*) FROM {table} WHERE org_path IS NOT NULL")[0][0]) for (table,) in tables)


@pytest.fixture(scope="module")
def place(api: Served) -> Place:
    return Place(api)


@pytest.fixture(scope="module", params=["on the road", "received", "on the road to a third", "at a third"])
def where(request: pytest.FixtureRequest, api: Served) -> tuple[str, Place]:
    place = Place(api)
    place.send()
    if request.param != "on the road":
        place.act("receive", place.centre)
    if "third" in request.param:
        place.send(place.third, scope=place.centre.path)
    if request.param == "at a third":
        place.act("receive", place.third)
    return request.param, place


SEES = {  # owner, centre, third
    "on the road": (True, True, False),
    "received": (True, True, False),
    "on the road to a third": (True, True, True),
    "at a third": (True, False, True),
}


def test_who_sees_the_order_and_all_that_hangs_on_it(where: tuple[str, Place]):
    name, place = where
    whole = place.counts("/")
    assert all(count for table, count in whole.items() if table not in ("part_returns", "checks", "hand_overs", "bill_copies", "revisit_copies", "reveals", "appointments"))
    paths = len({p for p in place.sql("/").rows("SELECT org_path, held_path, bound_path FROM work_orders WHERE id = %s", (place.job.id,))[0] if p})
    for shop, sees in zip((place.home, place.centre, place.third), SEES[name], strict=True):
        own = {place.job.id} if sees else set()
        assert place.orders(shop) == own | ({place.other.id} if shop is place.home else set()), shop.code
        expected = {table: count if sees else 0 for table, count in whole.items()}
        expected["work_order_tokens"] = whole["work_order_tokens"] // paths if sees else 0
        assert place.counts(shop) == expected, shop.code
    assert place.orders("/HQ/NORTH/") == place.orders(None) == place.orders("") == set()
    assert place.counts("/HQ/NORTH/") == dict.fromkeys(whole, 0)
    assert place.orders("/HQ/") == place.orders("/HQ/EAST/") == {place.job.id, place.other.id}


def test_nothing_else_becomes_visible(api: Served):
    """Counted over all tables before and after: an addressee gains the one order and its slip, and nobody else anything."""
    place = Place(api)
    stranger = Shop(api, branch="WEST")
    before = {shop.code: place.everything(shop) for shop in (place.centre, place.third, stranger)}
    place.send()
    order = sum(place.counts(place.centre).values()) + 1
    slip = 1 + place.sql(place.centre).rows("SELECT count(*) FROM journal WHERE entity_id = %s", (place.slip["id"],))[0][0]
    assert place.everything(place.centre) - before[place.centre.code] == order + slip
    assert place.everything(place.third) == before[place.third.code] and place.everything(stranger) == before[stranger.code]
    place.act("receive", place.centre)
    place.act("send-back", place.centre)
    place.act("receive", place.home)
    kept = 1 + place.sql(place.centre).rows("SELECT count(*) FROM journal WHERE entity_id = %s", (place.slip["id"],))[0][0]
    assert place.everything(place.centre) - before[place.centre.code] == kept, "the slip is a paper of both"


def test_nobody_writes_a_path(where: tuple[str, Place]):
    _, place = where
    for shop in (place.home, place.centre, place.third, "/HQ/", "/"):
        for column in GUARDED:
            value = "NULL" if column.endswith("_id") else "'/HQ/'"
            assert place.sql(shop).refused(f"UPDATE work_orders SET {column} = {value} WHERE id = %s", (place.job.id,)) == "42501"
        assert place.sql(shop).refused("DELETE FROM work_orders WHERE id = %s", (place.job.id,)) == "42501"


def test_who_may_change_a_row(where: tuple[str, Place]):
    name, place = where
    for shop, sees in zip((place.home, place.centre, place.third), SEES[name], strict=True):
        assert place.sql(shop).count("UPDATE work_orders SET problem = 'x' WHERE id = %s", (place.job.id,)) == int(sees)
        assert place.sql(shop).count("UPDATE diagnoses SET cause = 'x' WHERE work_order_id = %s", (place.job.id,)) == int(sees)
    assert place.sql("/HQ/NORTH/").count("UPDATE work_orders SET problem = 'x'") == 0


def _copy_of(place: Place, table: str, changes: dict[str, Any]) -> tuple[str, list[Any]]:
    """An INSERT of a row like one of the order's, with other values in some columns."""
    columns = [name for (name,) in place.sql("/").rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public' AND is_identity = 'NO'", (table,)
    )]  # fmt: skip
    chosen = ", ".join("%s" if name in changes else f'"{name}"' for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({names}) SELECT {chosen} FROM {table} LIMIT 1", [changes[name] for name in columns if name in changes]


def test_an_order_is_made_at_its_own_site_only(place: Place):
    place.send()
    place.third.order()  # so that there is a row to copy
    for shop, org, held in ((place.centre, place.home, place.centre), (place.third, place.home, place.third), (place.centre, place.third, None)):
        changes = {
            "id": str(uuid.uuid4()), "number": uuid.uuid4().hex, "org_path": org.path, "held_path": held and held.path,
            "external_id": None, "source": None, "site_id": org.site["id"],
        }  # fmt: skip
        sql, values = _copy_of(place, "work_orders", changes)
        assert place.sql(shop).refused(sql, values) == "42501", "filed as another's, held by me"
        own, same = _copy_of(place, "work_orders", {**changes, "org_path": shop.path, "held_path": None, "site_id": shop.site["id"]})
        assert place.sql(shop).count(own, same) == 1
    place.act("take-back", place.home)


def test_a_row_cannot_be_put_on_an_order_of_others(api: Served, place: Place):
    """A foreign key alone passes by row security; with the path in it, it does not."""
    far = Shop(api, branch="WEST")
    hidden = far.order(problem="hidden")
    row = {"work_order_id": hidden.id, "at": "2026-11-01T00:00:00Z", "type": "x.y", "source": "x", "actor": "x", "data": "{}"}
    for org_path, code in ((place.home.path, "23503"), (far.path, "42501")):
        values = {**row, "org_path": org_path}
        sql = f"INSERT INTO timeline_entries ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})"
        assert place.sql(place.home).refused(sql, list(values.values())) == code
    own = {**row, "work_order_id": place.job.id, "org_path": place.home.path}
    sql = f"INSERT INTO timeline_entries ({', '.join(own)}) VALUES ({', '.join(['%s'] * len(own))})"
    assert place.sql(place.home).count(sql, list(own.values())) == 1
    assert place.sql(place.third).refused(sql, list(own.values())) == "42501"
    place.send()
    assert place.sql(place.centre).count(sql, list(own.values())) == 1, "who has the device, or shall have it, writes on the order"
    for path in (place.centre.path, place.third.path):
        assert place.sql(place.centre).refused(sql, [*list(own.values())[:-1], path]) in ("42501", "23503"), "with its path and no other"
    event = {"id": str(uuid.uuid4()), "type": "x", "subject": place.job.id, "sequence": 1, "org_path": place.home.path, "envelope": "{}", "created_at": "2026-11-01T00:00:00Z"}
    sql = f"INSERT INTO outbox ({', '.join(event)}) VALUES ({', '.join(['%s'] * len(event))})"
    assert place.sql(place.centre).count(sql, list(event.values())) == 1
    assert place.sql(place.third).refused(sql, list(event.values())) == "42501"
    assert place.sql(place.centre).refused(sql, list({**event, "subject": hidden.id, "org_path": far.path}.values())) == "42501"
    place.act("take-back", place.home)
    bound = {c for (c,) in place.sql("/").rows("SELECT conrelid::regclass::text FROM pg_constraint WHERE conname LIKE 'fk_%%_whose' AND convalidated")}
    assert bound == set(BY_ORDER), "every table that follows an order is bound to it"


MOVE = "SELECT move_custody('work_orders', %s, %s, %s, %s)"


def test_who_may_make_which_step(api: Served):
    """``move_custody`` by itself, called by whoever: from where he stands, and no other step."""
    place = Place(api)
    home, centre, third = place.home, place.centre, place.third
    ids = {shop.code: shop.site["id"] for shop in (home, centre, third)}

    def version() -> int:
        return int(place.sql("/").rows("SELECT version FROM work_orders WHERE id = %s", (place.job.id,))[0][0])

    def asked(who: Shop | str | None, held: Shop | None, bound: Shop | None, known: int | None = None) -> str | None:
        values = (place.job.id, version() if known is None else known, held and ids[held.code], bound and ids[bound.code])
        with place.sql(who).cursor() as cursor:
            try:
                cursor.execute(MOVE, values)
                cursor.execute("SELECT current_setting('app.scope', true)")
                assert cursor.fetchone()[0] == (who.path if isinstance(who, Shop) else who), "the caller's scope is back"
            except psycopg2.Error as failed:
                return str(failed.pgcode)
        return None

    no = "42501"
    assert asked(home, None, centre) is None and asked("/HQ/", None, centre) is None
    assert [asked(who, None, centre) for who in (centre, third, None, "", "/HQ/NORTH/")] == [no] * 5
    assert asked(home, centre, None) == no, "nobody has it before he takes it"
    assert asked(home, None, centre, known=version() - 1) == no, "an older version"
    with place.sql(home).cursor() as cursor, pytest.raises(psycopg2.Error) as failed:
        cursor.execute(MOVE, (place.job.id, version(), None, str(uuid.uuid4())))
    assert failed.value.pgcode == "23503", "no such site"
    with place.sql(home).cursor() as cursor, pytest.raises(psycopg2.Error):
        cursor.execute("SELECT move_custody('sites', %s, 1, NULL, NULL)", (ids[home.code],))
    place.send()
    assert asked(centre, centre, None) is None and asked(centre, None, None) is None and asked(home, None, None) is None
    assert asked(home, centre, None) == asked(third, centre, None) == asked(third, third, None) == no
    assert asked(centre, third, None) == asked(centre, None, third) == asked(home, None, third) == no, "one road at a time"
    place.act("receive", centre)
    assert asked(centre, centre, third) is None and asked(centre, centre, home) is None
    assert asked(home, None, None) == asked(home, centre, third) == asked(third, centre, third) == no, "only who has it gives it"
    assert asked(centre, None, None) == no, "it does not come home by itself"


def test_savepoints_and_failures_leave_the_scope(place: Place):
    with place.sql(place.home).cursor() as cursor:
        cursor.execute("SAVEPOINT a")
        with pytest.raises(psycopg2.Error):
            cursor.execute(MOVE, (place.job.id, -1, None, place.centre.site["id"]))
        cursor.execute("ROLLBACK TO a")
        cursor.execute("SELECT current_setting('app.scope', true)")
        assert cursor.fetchone()[0] == place.home.path


def test_words_are_rewritten_by_who_sees_the_order(place: Place):
    sql = "SELECT index_work_order(%s, ARRAY['鼓包', '鼓包'])"
    with place.sql(place.home).cursor() as cursor:
        cursor.execute(sql, (place.job.id,))
        cursor.execute("SELECT token, org_path FROM work_order_tokens WHERE work_order_id = %s", (place.job.id,))
        assert cursor.fetchall() == [("鼓包", place.home.path)]
    assert place.sql(place.third).refused(sql, (place.job.id,)) == "42501"
    assert place.sql(None).refused(sql, (place.job.id,)) == "42501"


def test_the_directory_is_read_only(place: Place):
    assert place.sql("/").refused("UPDATE directory SET path = '/HQ/'") == "42501"
    assert place.sql("/").refused("DELETE FROM directory") == "42501"
    place.home.ok("PATCH", f"/sites/{place.home.site['id']}", {"name": "改名网点"})
    assert place.sql(None).rows("SELECT name FROM directory WHERE id = %s", (place.home.site["id"],)) == [("改名网点",)]


def test_a_unit_that_moves_takes_what_it_holds_along(api: Served):
    """The holder, and then the owner, get another place in the tree: both go on seeing the order, and what it says of the road."""
    place = Place(api)
    place.send()
    place.act("receive", place.centre)
    with api.database.uow() as uow:
        unit = uuid.uuid4()
        former, current = place.centre.path, f"/HQ/MOVED/{place.centre.code}/"
        uow.execute(
            sa.text("INSERT INTO scope_moves (unit_id, former, current, sequence, moved_at) VALUES (:u, :f, :c, 2, now())"),
            {"u": unit, "f": former, "c": current},
        )
        assert uow.scalar(sa.text("SELECT move_scope(:f, :c)"), {"f": former, "c": current}) > 0
    assert place.orders(current) == {place.job.id} and place.orders(former) == set() and place.orders(place.home) >= {place.job.id}
    shown = place.home.ok("GET", "/work-orders", scope=current, q="异响")
    assert [order["id"] for order in shown["items"]] == [place.job.id], "its words as well"
    assert place.sql("/").rows("SELECT path FROM directory WHERE id = %s", (place.centre.site["id"],)) == [(current,)]
    held = place.sql("/").rows("SELECT held_path FROM work_orders WHERE id = %s", (place.job.id,))
    assert held == [(current,)]
    body = {"given_by": "x"}
    sent = place.home.ok("POST", f"/hand-over-slips/{place.slip['id']}/send-back", body, scope=current)
    assert sent["state"] == "sent_back"
