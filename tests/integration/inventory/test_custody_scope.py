"""Who sees what an order asks of the store, asked of the database itself: its owner, who has the device, who shall receive it, nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg2 import errors
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from services.inventory.requisitions import usecases
from tests.integration.inventory.store_room import Slip, StoreRoom
from tests.integration.inventory.test_custody import supply
from tests.integration.inventory.test_reservations import hold
from tests.support.serving import Served

TABLES = ("supplies", "requisitions", "requisition_lines", "allocations")


class Scene:
    """An order of one site, with a requisition by hand of each, at another site, and on its way to a third where ``send`` was called."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.owner, self.holder, self.addressee, self.stranger = (StoreRoom(served) for _ in range(4))
        self.part = self.owner.part()
        for room in (self.owner, self.holder):
            room.receive(self.part, 9)
        self.job = self.owner.job().approve({self.part: 6})
        self.here = self.owner.ask({self.part: 1}, self.job)
        self.job.go(self.holder)
        body = {"work_order_id": self.job.id, "lines": [{"part_id": self.part, "quantity": 1}]}
        self.there = Slip(self.holder, self.holder.ok("POST", "/requisitions", body, scope=self.holder.path)["id"])

    @property
    def planned(self) -> str:
        return str(self.job.requisition["id"])

    @contextmanager
    def as_(self, scope: str) -> Iterator[Connection]:
        """The service's own role below a scope; nothing of it stays."""
        with self.served.database.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SELECT set_config('app.scope', %s, true)", (scope,))
            yield connection
            connection.exec_driver_sql("ROLLBACK")

    def seen(self, scope: str) -> dict[str, int]:
        """How many rows of this order."""
        ids = f"('{self.planned}', '{self.here.id}', '{self.there.id}')"
        where = {"supplies": "id", "requisitions": "id", "requisition_lines": "requisition_id", "allocations": "requisition_id"}
        with self.as_(scope) as connection:
            return {table: connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {where[table]} IN {ids}").scalar_one() for table in TABLES}

    def refused(self, scope: str, statement: str, *values: Any) -> type[BaseException]:
        with self.as_(scope) as connection, pytest.raises(DBAPIError) as failed:
            connection.exec_driver_sql(statement, values)
        return type(failed.value.orig)


@pytest.fixture
def scene(inventory: Served) -> Scene:
    return Scene(inventory)


def told(*counts: int) -> dict[str, int]:
    return dict(zip(TABLES, counts, strict=True))


def test_owner_and_holder_see_it_and_nobody_else(scene: Scene) -> None:
    assert scene.seen(scene.owner.path) == told(1, 2, 2, 4), "but not what the holder made"
    assert scene.seen(scene.holder.path) == scene.seen("/HQ/") == told(1, 3, 3, 5)
    for scope in (scene.stranger.path, scene.addressee.path, "/HQ/S/", scene.holder.path[:-2] + "%/", ""):
        assert scene.seen(scope) == told(0, 0, 0, 0)


def test_the_addressee_sees_it_while_it_is_on_the_road(scene: Scene) -> None:
    scene.job.send(scene.addressee)
    assert scene.seen(scene.addressee.path) == scene.seen(scene.holder.path) == told(1, 3, 3, 5)
    assert scene.seen(scene.owner.path) == told(1, 2, 2, 4)
    assert scene.seen(scene.stranger.path) == told(0, 0, 0, 0)
    scene.job.arrive()
    assert scene.seen(scene.addressee.path) == told(1, 3, 3, 5)
    assert scene.seen(scene.holder.path) == told(0, 1, 1, 1), "what was made there"
    assert scene.there.attempt("update", {"remark": "x"}, scope=scene.holder.path).json()["code"] == "held_elsewhere"
    scene.job.go(scene.owner)
    assert scene.seen(scene.owner.path) == told(1, 3, 3, 6)
    assert scene.seen(scene.addressee.path) == told(0, 0, 0, 0)


PATHS = {"supplies": ("held_site_id", "bound_site_id"), "requisitions": ("held_site_id", "bound_site_id"), "requisition_lines": ()}


@pytest.mark.parametrize("table", PATHS)
def test_nobody_writes_the_paths(scene: Scene, table: str) -> None:
    for column in ("org_path", "held_path", "bound_path"):
        for scope in (scene.owner.path, scene.holder.path, "/"):
            assert scene.refused(scope, f"UPDATE {table} SET {column} = '/HQ/'") is errors.InsufficientPrivilege
    for column in PATHS[table]:
        assert scene.refused(scene.holder.path, f"UPDATE {table} SET {column} = NULL") is errors.InsufficientPrivilege


def test_a_step_is_made_from_where_one_stands(scene: Scene) -> None:
    """A holder cannot keep it for good, an owner not take it, a stranger do nothing."""
    step = "SELECT move_custody(%s, %s, (SELECT version FROM supplies WHERE id = %s), %s, NULL)"
    for scope, held in ((scene.owner.path, None), (scene.holder.path, None), (scene.stranger.path, scene.stranger.site_id)):
        assert scene.refused(scope, step, "supplies", scene.planned, scene.planned, held) is errors.InsufficientPrivilege
    version = "SELECT move_custody('supplies', %s, 99, %s, NULL)"
    assert scene.refused("/", version, scene.planned, scene.holder.site_id) is errors.InsufficientPrivilege


LINE = """INSERT INTO requisition_lines (id, requisition_id, part_id, site_id, needed, asked, reserved, issued, returned, short, held, org_path, held_path, bound_path)
    VALUES (gen_random_uuid(), %s, %s, %s, 0, 0, 0, 0, 0, 0, 0, %s, %s, %s)"""
ALLOCATION = "INSERT INTO allocations (requisition_id, part_id, warehouse_id, reserved, out, out_value, org_path) VALUES (%s, %s, %s, 0, 0, 0, %s)"
HELD = """INSERT INTO requisitions (id, type, planned, site_id, state, cancelled, version, created_at, created_by, updated_at, updated_by, org_path, held_path)
    VALUES (gen_random_uuid(), 'internal', false, %s, 'draft', false, 1, now(), 'x', now(), 'x', %s, %s)"""


def test_nothing_is_put_on_what_one_does_not_see(scene: Scene) -> None:
    stranger, part = scene.stranger, scene.owner.part()
    for path in (stranger.path, scene.owner.path, scene.holder.path):
        line = (scene.planned, part, stranger.site_id, path, stranger.path, None)
        assert scene.refused(stranger.path, LINE, *line) in (errors.InsufficientPrivilege, errors.ForeignKeyViolation)
        allocation = (scene.planned, part, stranger.good, path)
        assert scene.refused(stranger.path, ALLOCATION, *allocation) in (errors.InsufficientPrivilege, errors.ForeignKeyViolation)
    other = (scene.there.id, part, scene.owner.site_id, scene.owner.path, None, None)
    assert scene.refused(scene.owner.path, LINE, *other) is errors.ForeignKeyViolation, "the owner, on what the holder made"
    assert scene.refused(stranger.path, HELD, stranger.site_id, scene.owner.path, stranger.path) is errors.InsufficientPrivilege


def test_a_line_is_where_its_requisition_is_whatever_it_says(scene: Scene) -> None:
    part = scene.owner.part()
    with scene.as_(scene.holder.path) as connection:
        connection.exec_driver_sql(LINE, (scene.planned, part, scene.holder.site_id, scene.owner.path, scene.stranger.path, scene.stranger.path))
        row = connection.exec_driver_sql("SELECT org_path, held_path, bound_path FROM requisition_lines WHERE part_id = %s", (part,)).one()
        assert tuple(row) == (scene.owner.path, scene.holder.path, None)


def test_lines_and_allocations_carry_the_paths_of_their_requisition(scene: Scene) -> None:
    scene.job.send(scene.addressee)
    astray = """SELECT l.id FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id
        WHERE (l.org_path, l.held_path, l.bound_path, l.site_id) IS DISTINCT FROM (r.org_path, r.held_path, r.bound_path, r.site_id)"""
    assert scene.served.rows(astray) == []
    rows = scene.served.rows("SELECT id, org_path, held_path, bound_path FROM requisitions WHERE work_order_id = :id", id=scene.job.id)
    holder, bound = scene.holder.path, scene.addressee.path
    assert {str(row.id): tuple(row)[1:] for row in rows} == {
        scene.planned: (scene.owner.path, holder, bound), scene.here.id: (scene.owner.path, holder, bound), scene.there.id: (holder, None, bound),
    }  # fmt: skip


def test_a_unit_that_moves_in_the_tree_takes_along_what_it_holds(scene: Scene) -> None:
    scene.job.send(scene.addressee)
    move(scene.served, scene.holder, "/HQ/MOVED/")
    move(scene.served, scene.addressee, "/HQ/MOVED/")
    for room in (scene.holder, scene.addressee):
        assert scene.seen(f"/HQ/MOVED/{room.code}/") == told(1, 3, 3, 5)
        assert scene.seen(room.path) == told(0, 0, 0, 0)
    assert scene.seen(scene.owner.path) == told(1, 2, 2, 4)
    scene.job.arrive()
    found = supply(scene.job)
    assert (found["org_path"], found["held_path"], found["bound_path"]) == (scene.owner.path, f"/HQ/MOVED/{scene.addressee.code}/", None)
    move(scene.served, scene.owner, "/HQ/MOVED/")
    assert scene.seen(f"/HQ/MOVED/{scene.owner.code}/") == told(1, 2, 2, 4)
    scene.job.go(scene.owner)
    assert scene.seen(f"/HQ/MOVED/{scene.owner.code}/") == told(1, 3, 3, 6)
    scene.owner.check()


def test_what_the_holder_does_is_written_down_and_told_as_the_owners(scene: Scene) -> None:
    """The journal and the word to the order carry the order's path, under which the holder writes no rows."""
    before = len(scene.job.told())
    answer = Slip(scene.holder, scene.planned).attempt("issue", scope=scene.holder.path)
    assert answer.status_code == 200, answer.text
    assert len(scene.job.told()) == before + 1
    (row,) = scene.served.rows("SELECT org_path, actor FROM journal WHERE entity_id = :id AND action = 'issue'", id=scene.planned)
    assert (row.org_path, row.actor) == (scene.owner.path, "ann")
    told_of = scene.served.rows("SELECT org_path FROM outbox WHERE subject = :id", id=scene.planned)
    assert {row.org_path for row in told_of} == {scene.owner.path}


def test_what_was_held_until_now_is_freed_where_it_is(scene: Scene) -> None:
    draft = scene.holder.ask({scene.part: 1}, scene.job, draft=True)
    draft.do("reserve", hold(scene.part, 1))
    with scene.served.database.uow() as uow:
        uow.later("UPDATE requisition_lines SET held_until = now() - interval '1 second' WHERE requisition_id = %s", (draft.id,))
    scene.job.send(scene.addressee)
    with scene.served.database.uow() as uow:
        assert usecases.expire(uow) == 1
    assert draft.line(scene.part)[1] == 0
    scene.owner.check()


def move(served: Served, room: StoreRoom, below: str) -> None:
    unit = {"code": room.code, "name": room.code, "kind": "site", "parent_id": None, "former_path": room.path, "path": f"{below}{room.code}/"}
    assert served.tell("aftersales.gateway.org_unit.moved.v1", unit, subject=str(new_id()), sequence=2) is Outcome.DONE
