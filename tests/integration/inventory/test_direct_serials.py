"""What the service's own role cannot do to pieces with a serial number (I-22), whatever the code above sends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.domain.errors import Forbidden
from services.inventory.parts import PartHasMovements
from services.inventory.stock import SerialConflict, SerialCount
from tests.integration.inventory.store_room import StoreRoom

REFUSED = (Forbidden, PartHasMovements, SerialConflict, SerialCount)


def movement(**changed: str) -> str:
    """SQL of a movement of the piece A1 out to an order, or changed."""
    given = {
        "id": "gen_random_uuid()", "at": "now()", "kind": "'issue'", "warehouse_id": "CAST(:good AS uuid)", "part_id": "CAST(:part AS uuid)",
        "quality": "'good'", "quantity": "-1", "unit_cost": "1", "value": "-1", "document_type": "'test'", "document_id": "gen_random_uuid()",
        "actor": "'test'", "org_path": ":path", "serial_id": "(SELECT id FROM serials WHERE part_id = :part AND number = 'A1')",
        "place": "'order'", "place_id": "CAST(:order AS uuid)", **changed,
    }  # fmt: skip
    return f"INSERT INTO stock_movements ({', '.join(given)}) SELECT {', '.join(given.values())}"


IN_AGAIN = {"quantity": "1", "value": "1", "kind": "'return'"}
ELSEWHERE = "(SELECT id FROM serials WHERE part_id <> :part LIMIT 1)"
STATEMENTS: dict[str, tuple[str, ...]] = {
    "a place by hand": ("UPDATE serials SET place = 'customer' WHERE part_id = :part",),
    "a warehouse by hand": ("UPDATE serials SET warehouse_id = :second, place_id = :second WHERE part_id = :part",),
    "gone": ("DELETE FROM serials WHERE part_id = :part",),
    "all gone": ("TRUNCATE serials",),
    "a new one that lies": ("INSERT INTO serials (id, part_id, number, number_key, org_path, place) SELECT gen_random_uuid(), part_id, 'N', 'n', "
                            "org_path, 'warehouse' FROM serials WHERE part_id = :part LIMIT 1",),
    "a number twice": ("INSERT INTO serials (id, part_id, number, number_key, org_path) SELECT gen_random_uuid(), part_id, 'A-1', number_key, org_path "
                       "FROM serials WHERE part_id = :part LIMIT 1",),
    "two at once": (movement(quantity="-2"),),
    "half a piece": (movement(quantity="-0.5"),),
    "no piece": (movement(serial_id="NULL"),),
    "no place": (movement(place="NULL"),),
    "another part's piece": (movement(serial_id=ELSEWHERE),),
    "out twice": (movement(), movement()),
    "out of where it is not": (movement(warehouse_id="CAST(:second AS uuid)"),),
    "in though it is in": (movement(**IN_AGAIN),),
    "in from another order": (movement(), movement(**IN_AGAIN, place_id="gen_random_uuid()")),
    "sent and never put on the road": (movement(kind="'ship'", place="'transit'", place_id="CAST(:second AS uuid)"),),
    "out to another store without coming there": (movement(kind="'ship'", place="'warehouse'", place_id="CAST(:second AS uuid)"),),
    "not tracked any more": ("UPDATE parts SET serial_tracked = false WHERE id = :part",),
    "a piece of a part that is not tracked": (movement(part_id="CAST(:loose AS uuid)"),),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_direct_sql_keeps_each_piece_at_one_place(room: StoreRoom, name: str) -> None:
    part, loose, second = room.part(serial_tracked=True), room.part(), room.warehouse("G2")
    room.pieces(part, "A1", "A2", cost="1.00")
    room.pieces(part, "B1", warehouse=second, cost="1.00")
    room.pieces(room.part(serial_tracked=True), "A1")
    room.receive(loose, 5)
    given: dict[str, Any] = {"part": part, "loose": loose, "good": room.good, "second": second, "path": room.path, "order": room.job().id}
    with pytest.raises(REFUSED), room.served.database.uow() as uow:
        for statement in STATEMENTS[name]:
            wanted = {key: value for key, value in given.items() if f":{key}" in statement}
            uow.execute(sa.text(statement), wanted)
    assert (room.stock(part), room.stock(part, second), room.where(part, "A1")) == ((2, 0), (1, 0), ("warehouse", room.good))
    room.check()


def test_one_of_eight_takes_a_piece_by_direct_sql(room: StoreRoom) -> None:
    part = room.part(serial_tracked=True)
    room.pieces(part, "A1", *(f"B{n}" for n in range(8)), cost="1.00")
    given = {"part": part, "good": room.good, "path": room.path, "order": room.job().id}

    def take(_: int) -> bool:
        try:
            with room.served.database.uow() as uow:
                uow.execute(sa.text(movement()), given)
        except SerialConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(8))) == 1
    assert (room.stock(part), room.where(part, "A1")) == ((8, 0), ("order", given["order"]))
    assert room.served.rows("SELECT count(*) FROM stock_movements WHERE part_id = :part", part=part)[0][0] == 10


def test_tracking_and_the_first_movement_do_not_meet(room: StoreRoom) -> None:
    """Eight at once: who changes the part waits for who posts, or the other way round, and one of them is refused or sees the other."""
    for _ in range(4):
        part = room.part()
        line = {"part_id": part, "quantity": 2, "unit_cost": "1"}
        calls = [("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": [line]})] * 4 + [("PATCH", f"/parts/{part}", {"serial_tracked": True})] * 4
        answers = room.served.together(calls)
        assert {answer.status_code for answer in answers} <= {200, 201, 409, 422}, [answer.text for answer in answers]
        tracked = room.ok("GET", f"/parts/{part}")["serial_tracked"]
        assert room.stock(part)[0] == (0 if tracked else 8)
        room.check()
