"""Statements of fixed text: the same rows, values and errors as SQLAlchemy's own execution gives."""

from __future__ import annotations

import enum
import pickle
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, bindparam, cast, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError

from chassis.db import engine as engine_module, statements
from chassis.db.engine import make_engine
from chassis.db.paging import Listing, ListQuery
from chassis.db.statements import Fixed
from chassis.db.uow import UnitOfWork
from chassis.db.violations import is_away
from chassis.domain.errors import Duplicate, TooManyToSort
from chassis.domain.principal import Principal
from tests.integration.chassis.conftest import Shelf
from tests.integration.chassis.shelf.books.book import Book


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


_COLOUR = sa.Enum(Colour, native_enum=False, values_callable=lambda cls: [one.value for one in cls])
_VALUES = {
    "colour": (_COLOUR, Colour.BLUE), "id": (sa.Uuid(), uuid.uuid4()), "amount": (sa.Numeric(12, 2), Decimal("214.81")),
    "data": (JSONB(), {"a": [1, None]}), "marks": (ARRAY(sa.BigInteger), [1, -2]), "ids": (ARRAY(sa.Uuid()), [uuid.UUID(int=0), uuid.uuid4()]), "on": (sa.Date(), date(2026, 2, 28)),
    "at": (sa.DateTime(timezone=True), datetime(2026, 1, 2, 3, 4, tzinfo=UTC)), "sealed": (sa.LargeBinary(), b"\x00%s"),
    "said": (sa.Text(), "100 % 'so'; %s %(x)s"), "none": (sa.Text(), None),
}  # fmt: skip
_SELECT = select(*(cast(bindparam(name, type_=type_), type_).label(name) for name, (type_, _) in _VALUES.items()))
_GIVEN = {name: value for name, (_, value) in _VALUES.items()}


@pytest.fixture
def engine(database_server: str) -> Iterator[Engine]:
    engine = make_engine(database_server, size=1)
    yield engine
    engine.dispose()


def unit(engine: Engine) -> UnitOfWork:
    return UnitOfWork(engine, Principal.system("test"))


def test_values_come_back_as_sqlalchemy_gives_them(engine: Engine) -> None:
    fixed = Fixed(_SELECT)
    for _ in range(2):  # the first execution learns, the second knows
        with unit(engine) as uow:
            (plain,), (found,) = uow.rows(_SELECT, _GIVEN), uow.rows(fixed, _GIVEN)
        for name, value in plain._mapping.items():
            mine = getattr(found, name)
            assert (type(mine), bytes(mine) if name == "sealed" else mine) == (type(value), value), name
        assert (str(found.id), hash(found.id), found.id.is_safe) == (str(_GIVEN["id"]), hash(_GIVEN["id"]), _GIVEN["id"].is_safe)
        assert found.colour is Colour.BLUE and bytes(found.sealed) == b"\x00%s"


def test_values_of_the_statement_itself_stay(engine: Engine) -> None:
    converted = sa.literal({"a": 1}, JSONB())
    fixed = Fixed(select(cast(bindparam("n"), sa.Integer), cast(converted, JSONB)).where(sa.literal(7) > 6).limit(1))
    with unit(engine) as uow:
        assert [tuple(row) for n in (1, 2) for row in uow.rows(fixed, {"n": n})] == [(1, {"a": 1}), (2, {"a": 1})]


def test_a_list_makes_another_text_each_time(engine: Engine) -> None:
    with pytest.raises(TypeError, match="list"), unit(engine) as uow:
        uow.rows(Fixed(select(sa.literal(1)).where(sa.literal(1).in_(bindparam("many", expanding=True)))), {"many": [1, 2]})


def test_errors_are_named_and_tell_no_values(engine: Engine) -> None:
    with unit(engine) as uow:
        uow.execute(text("CREATE TEMP TABLE once (n int CONSTRAINT uq_once_n UNIQUE)"))
    for _ in range(2):
        with pytest.raises(Duplicate), unit(engine) as uow:
            statements.run(uow.connection, "INSERT INTO once VALUES (%s), (%s)", (4711, 4711))
    with pytest.raises(DBAPIError) as caught, unit(engine) as uow:
        uow.rows(Fixed(text("SELECT 1 / (:n - 4711)")), {"n": 4711})
    assert "division by zero" in str(caught.value) and "4711}" not in str(caught.value)


def test_a_connection_that_broke_is_not_used_again(engine: Engine) -> None:
    fixed = Fixed(text("SELECT pg_backend_pid() AS pid"))
    with unit(engine) as uow:
        first = uow.rows(fixed)[0].pid
    with pytest.raises(DBAPIError) as caught, unit(engine) as uow:
        uow.rows(fixed)
        statements.run(uow.connection, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_away(caught.value) and caught.value.connection_invalidated
    with unit(engine) as uow:
        assert uow.rows(fixed)[0].pid != first


def test_members_find_what_conditions_find(shelf: Shelf) -> None:
    """By one value, by several, by both, in the order of a member, locked and limited: the same as by expressions."""
    titles = [uuid.uuid4().hex for _ in range(3)]
    with shelf.database.uow() as uow:
        books = [Book(id=None, number=uuid.uuid4().hex, code=uuid.uuid4().hex, title=title, org_path="/HQ/A/")
                 for title in [*titles, titles[0]]]
        uow.add_all(books)
    with shelf.database.uow() as uow:
        for members, where in (
            ({"title": titles[0]}, (Book.title == titles[0],)),
            ({"title": set(titles[:2])}, (Book.title.in_(titles[:2]),)),
            ({"id": [books[0].id, books[1].id], "title": titles[0]}, (Book.id == books[0].id,)),
            ({"id": []}, (Book.id.in_([]),)),
        ):
            found = [one.id for one in uow.find(Book, order_by=("id",), **members)]
            assert found == [one.id for one in uow.find(Book, *where, order_by=[Book.id])]
            mixed = uow.find(Book, Book.code != "", order_by=[Book.id.desc()], lock=True, limit=2, **members)
            assert [one.id for one in mixed] == found[::-1][:2]
        assert len(uow.find(Book, title=titles[0], limit=1)) == 1
        assert uow.one(Book, id=books[2].id, title=titles[0]) is None
        locked = uow.one(Book, id=books[2].id, lock=True)
        assert locked is not None
        locked.title = "changed"
        with pytest.raises(TypeError, match="NULL"):
            uow.one(Book, title=None)
    with shelf.database.uow() as uow:
        assert uow.read(Book, books[2].id).title == "changed"


def test_ids_are_made_without_looking_at_them(engine: Engine) -> None:
    """SQLAlchemy tells each new connection to take UUIDs its way; ours is told after it."""
    with unit(engine) as uow:
        found = uow.rows(_SELECT, _GIVEN)[0]
        taken = uow.connection.connection.dbapi_connection.string_types  # type: ignore[union-attr]
    assert taken[2950] is engine_module._one and taken[2951] is engine_module._many  # equal are all of one type
    assert found.id == _GIVEN["id"] and hash(found.id) == hash(_GIVEN["id"]) and found.ids == _GIVEN["ids"]
    assert pickle.loads(pickle.dumps(found.id)) == _GIVEN["id"]


def test_a_listing_is_written_once_and_asked_for_many(shelf: Shelf) -> None:
    """Each filter's value and each place is the question's, and the server keeps no plan for all of them."""
    listing = Listing(
        select(Book).where(Book.org_path == "/HQ/L/"), sorts={"code": Book.code, "price": Book.price}, default_sort="code", key=Book.id,
        equal={"code": Book.code, "state": Book.state},
    )
    with unit(shelf.app.runtime.engine) as uow:
        for index in range(7):
            uow.add(Book(code=f"L{index}", title="x", org_path="/HQ/L/", price=Decimal(index % 3), number=f"L{index}"))
    with unit(shelf.app.runtime.engine) as uow:

        def asked(**given: Any) -> dict[str, Any]:
            return listing.page(uow, ListQuery(**given), lambda book: {"code": book.code})

        def plainly(**given: Any) -> dict[str, Any]:
            where = [listing.equal[name] == value for name, value in given.get("filters", {}).items()]
            unwritten = Listing(listing.statement.where(*where), sorts=listing.sorts, default_sort="code", key=Book.id, written=False)
            return unwritten.page(uow, ListQuery(**given), lambda book: {"code": book.code})

        for code in ("L1", "L5", "none"):
            assert asked(filters={"code": code}, total=True) == plainly(filters={"code": code}, total=True)
        assert asked(filters={"code": "L1"})["items"] == [{"code": "L1"}]
        cursor, pages = None, []
        while cursor is not None or not pages:
            given: dict[str, Any] = {"filters": {"state": "here"}, "sort": "-price", "limit": 3, "cursor": cursor}
            pages.append(asked(**given))
            assert pages[-1] == plainly(**given)
            cursor = pages[-1]["next_cursor"]
        assert sorted(item["code"] for page in pages for item in page["items"]) == [f"L{index}" for index in range(7)]
        assert len(listing._written) == 3  # by code; in the order of prices, from the beginning and from a place
        kept = uow.rows(text("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%LIMIT%'"))
        assert not kept


def test_a_list_that_takes_too_long_is_refused(shelf: Shelf) -> None:
    """By what an order may cost at all: many rows that no index serves, here one that sleeps."""
    listing = Listing(select(Book), default_sort="title", key=Book.id)
    with unit(shelf.app.runtime.engine) as uow:
        uow.add(Book(code="slow", title="x", org_path="/HQ/SLOW/", number="SLOW"))
    for query in (ListQuery(), ListQuery(total=True)):
        with pytest.raises(TooManyToSort), unit(shelf.app.runtime.engine) as uow:
            uow.execute(text("SET LOCAL statement_timeout = 50"))
            listing.page(uow, query, lambda book: {"id": book.id}, text("pg_sleep(1) IS NOT NULL"))  # type: ignore[arg-type]
