"""Revision 0017: what stood in one document stands in rows of its own, and the API answers what it answered."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from chassis.db.engine import make_engine
from chassis.db.migrate import upgrade
from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.principal import Principal
from services.orders.app import SERVICE
from services.orders.repairs import queries
from services.orders.repairs.loading import see
from services.orders.repairs.work_order import WorkOrder
from tests.integration.orders.test_warranty_terms import Before
from tests.support.database import database_at

BEFORE = "0016"
AT, DEVICE = "2026-01-05T00:00:00Z", uuid.uuid4()
PART, OTHER = (str(uuid.uuid4()) for _ in range(2))
DIAGNOSIS = {"symptom": "no water", "cause": "worn", "finding": "replace", "quality_defect": False, "exclusion": "misuse"}
LABOUR = {"kind": "labour", "ref": "STD", "description": "Standard", "quantity": 1.5, "unit_price": "100.00", "net": "150.00", "tax": "19.50",
          "total": "169.50", "customer_amount": "169.50", "maker_amount": "0.00"}  # fmt: skip
MINUTES = {**LABOUR, "quantity": 0.333333, "minutes": 20, "net": "33.33", "tax": "4.33", "total": "37.66", "customer_amount": "37.66"}
PIECES = {"kind": "part", "ref": PART, "description": "滤芯", "quantity": 2, "unit_price": "7.55", "net": "15.10", "tax": "1.96", "total": "17.06",
          "customer_amount": "17.06", "maker_amount": "0.00"}  # fmt: skip


def quoted(version: int, state: str, *lines: dict[str, Any], **answer: str) -> dict[str, Any]:
    total = f"{sum(float(line['total']) for line in lines):.2f}"
    return {"version": version, "state": state, "tax_rate": "0.13", "coverage": "out_of_warranty", "lines": list(lines), "currency": "CNY",
            "customer_total": total, "maker_total": "0.00", **answer}  # fmt: skip


def shown(quote: dict[str, Any] | None) -> dict[str, Any] | None:
    """As the release before answered it."""
    return quote and {"approved_by": None, "reason": None, **quote}


APPROVED = quoted(2, "approved", LABOUR, MINUTES, PIECES, approved_by="王芳")


def worked(**more: Any) -> dict[str, Any]:
    """A part of each quote version came back."""
    back = [{"id": str(new_id()), "version": version, "part_id": part, "quantity": quantity, "quality": quality}
            for version, part, quantity, quality in ((1, OTHER, 0.5, "bad"), (2, PART, 1, "good"))]  # fmt: skip
    return {"diagnosis": DIAGNOSIS, "quote": APPROVED, "quote_version": 2, "approved_version": 2, "returns": back, **more}


def home() -> dict[str, Any]:
    return worked(received_by="李雷", completed_at=AT)


STATES: dict[str, tuple[str, dict[str, Any]]] = {
    "registered": ("registered", {}),
    "started": ("in_repair", {}),
    "diagnosed": ("in_repair", {"diagnosis": DIAGNOSIS}),
    "waiting": ("in_repair", {"diagnosis": DIAGNOSIS, "quote": quoted(1, "waiting", LABOUR), "quote_version": 1, "waiting_for": "approval"}),
    "rejected": ("in_repair", {"quote": quoted(1, "rejected", PIECES, reason="too dear"), "quote_version": 1, "waiting_for": "customer"}),
    "void": ("in_repair", {"quote": quoted(1, "void", PIECES), "quote_version": 1}),
    "nothing quoted": ("in_repair", {"quote": quoted(1, "approved"), "quote_version": 1, "approved_version": 1}),
    "in check": ("in_check", worked(repaired=True)),
    "ready": ("ready", worked(repaired=True)),
    "completed": ("completed", home()),
    "revisited": ("revisited", home()),
    "audited": ("audited", home()),
    "history": ("audited", {"origin": "history", "source": "old", "external_id": "1"}),
    "cancelled": ("cancelled", worked(approved_version=None, cancel_reason="no")),
}  # fmt: skip


@pytest.fixture(scope="module")
def moved(database_server: str) -> Iterator[tuple[sa.Engine, dict[str, uuid.UUID]]]:
    """A database with an order of each kind in the old shape, after the migration; the orders by name."""
    with database_at(database_server, SERVICE, BEFORE) as engine:
        with engine.begin() as connection:
            rows = Before(connection)
            orders = {name: rows.order(DEVICE, AT, state=state, **more) for name, (state, more) in STATES.items()}
            past = {"org_path": "/HQ/N/S/", "replaced_at": AT, "version": 1, "quote": quoted(1, "void", LABOUR)}
            for name, (_, more) in STATES.items():
                if more.get("quote_version") == 2:
                    _insert(connection, "quotes", work_order_id=orders[name], **past)
            entry = {"entity": "work_orders", "org_path": "/HQ/N/S/", "at": AT, "actor": "boss"}
            for passed, why in ((False, "drips"), (True, None)):
                _insert(connection, "journal", **entry, entity_id=orders["ready"], action="check", why=why, data={"passed": passed})
            _insert(connection, "journal", **entry, entity_id=orders["ready"], action="start", why=None, data=None)
        upgrade(SERVICE, engine.url.render_as_string(hide_password=False))
        as_the_product = make_engine(engine.url.render_as_string(hide_password=False), size=1)
        yield as_the_product, orders
        as_the_product.dispose()


def _insert(connection: sa.Connection, table: str, **row: Any) -> None:
    values = {name: orjson.dumps(value).decode() if isinstance(value, dict) else value for name, value in row.items()}
    connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"), values)


LATER = ("steps", "tax_rate", "shares")
"""What lines tell since revision 0020."""


def _plain(document: Any) -> Any:
    found = orjson.loads(orjson.dumps(document, default=str))
    for quote in (found, found.get("quote"), *found.get("items", ())):
        for line in (quote or {}).get("lines", ()):
            for name in LATER:
                del line[name]
    return found


@pytest.mark.parametrize("name", STATES)
def test_the_answer_is_what_it_was(moved: tuple[sa.Engine, dict[str, uuid.UUID]], name: str) -> None:
    engine, orders = moved
    state, more = STATES[name]
    was = {"state": state, "diagnosis": more.get("diagnosis"), "quote": shown(more.get("quote")), "received_by": more.get("received_by"),
           "returns": [{key: item[key] for key in ("id", "part_id", "quantity", "quality")} for item in more.get("returns", ())],
           "quote_version": more.get("quote_version", 0), "approved_version": more.get("approved_version")}  # fmt: skip
    with UnitOfWork(engine, Principal.system("test")) as uow:
        order = see(uow, orders[name])
        document = _plain(queries.document(uow, order, "en"))
        assert {key: document[key] for key in was} == was
        versions = _plain(queries.quotes(uow, orders[name]))["items"]
        former = [shown(quoted(1, "void", LABOUR))] if more.get("quote_version") == 2 else []
        assert versions == [*([was["quote"]] if was["quote"] else []), *former]
        told = _plain(WorkOrder.published.of(order))
    needed = {PART: 1} if more.get("approved_version") == 2 else {}
    assert {line["part_id"]: line["quantity"] for line in told["needed"]} == needed, "what came back is needed no longer"
    assert told["returns"] == was["returns"]


def test_checks_are_those_of_the_journal(moved: tuple[sa.Engine, dict[str, uuid.UUID]]) -> None:
    engine, orders = moved
    with UnitOfWork(engine, Principal.system("test")) as uow:
        found = [tuple(row) for row in uow.rows(sa.text("SELECT work_order_id, by, passed, reason FROM checks ORDER BY passed"))]
        [ids] = uow.rows(sa.text("SELECT count(*), count(DISTINCT id) FROM quote_lines"))
    assert found == [(orders["ready"], "boss", False, "drips"), (orders["ready"], "boss", True, None)]
    lines = sum(len(more["quote"]["lines"]) + (more["quote_version"] == 2) for _, more in STATES.values() if more.get("quote"))
    assert tuple(ids) == (lines, lines), "each line has an id of its own"
