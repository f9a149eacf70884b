"""What the server caches of statements: prepared once, under the scope of each transaction, and lost without harm."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chassis.db import statements
from chassis.db.engine import make_engine
from chassis.db.rows import mapping
from chassis.db.statements import Cache, Fixed, cached
from chassis.db.uow import Transient, UnitOfWork
from chassis.domain.errors import Duplicate
from chassis.domain.principal import Principal
from tests.integration.chassis.conftest import Shelf
from tests.integration.chassis.shelf.books.book import Book

_READ = cached(text("SELECT n, word FROM notes WHERE n = :n"))
_NAMES = text("SELECT name, statement, generic_plans + custom_plans AS runs FROM pg_prepared_statements")


@pytest.fixture
def engine(database_server: str) -> Iterator[Engine]:
    """One connection, on which there is a table of its own."""
    engine = make_engine(database_server, size=1)
    with unit(engine) as uow:
        uow.execute(text("CREATE TEMP TABLE notes (n int CONSTRAINT uq_notes_n UNIQUE, word text)"))
        uow.execute(text("INSERT INTO notes VALUES (1, 'one'), (2, 'two')"))
    yield engine
    engine.dispose()


def unit(engine: Engine) -> UnitOfWork:
    return UnitOfWork(engine, Principal.system("test"))


def word(engine: Engine, n: int = 1) -> str:
    with unit(engine) as uow:
        return str(uow.rows(_READ, {"n": n})[0].word)


def runs(engine: Engine) -> dict[str, int]:
    """How often each of the prepared statements was run."""
    with unit(engine) as uow:
        return {row.statement.partition(" AS ")[2].partition(";")[0]: row.runs for row in uow.rows(_NAMES)}


def test_a_cached_statement_is_prepared_once(engine: Engine) -> None:
    assert [word(engine, n) for n in (1, 2, 1, 2, 1, 2, 1)] == ["one", "two", "one", "two", "one", "two", "one"]
    assert runs(engine)["SELECT n, word FROM notes WHERE n = $1"] == 7


def test_what_fails_while_it_is_prepared_is_prepared_again(engine: Engine) -> None:
    with pytest.raises(Exception, match="nowhere"), unit(engine) as uow:
        uow.rows(cached(text("SELECT 1 FROM nowhere")))
    assert word(engine) == "one"
    insert = cached(text("INSERT INTO notes VALUES (:n, :word)"))
    for _ in range(3):
        with pytest.raises(Duplicate), unit(engine) as uow:
            uow.execute(insert, {"n": 1, "word": "again"})
    with unit(engine) as uow:
        assert uow.execute(insert, {"n": 3, "word": "three"}) == 1
    assert word(engine, 3) == "three"


def test_what_was_never_sent_is_not_thought_to_be_there(engine: Engine) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="before"), unit(engine) as uow:
            uow.first("INSERT INTO notes VALUES (%s, 'first')", (7,))
            raise ValueError("before anything was sent")
    with unit(engine) as uow:
        uow.first("INSERT INTO notes VALUES (%s, 'first')", (7,))
    assert word(engine, 7) == "first"


def test_a_rollback_keeps_what_was_prepared(engine: Engine) -> None:
    with pytest.raises(ValueError, match="later"), unit(engine) as uow:
        uow.rows(_READ, {"n": 1})
        raise ValueError("later")
    assert word(engine) == "one"
    assert runs(engine)["SELECT n, word FROM notes WHERE n = $1"] == 2


def test_a_result_that_a_migration_changed_is_asked_for_again(engine: Engine) -> None:
    assert word(engine) == "one"
    with unit(engine) as uow:
        uow.execute(text("ALTER TABLE notes ALTER word TYPE varchar(10)"))
    with pytest.raises(Transient, match="cached plan"):
        word(engine)
    assert word(engine) == "one"
    with engine.connect() as connection:
        connection.exec_driver_sql("DEALLOCATE ALL")
    with pytest.raises(Transient, match="does not exist"):
        word(engine)
    assert word(engine) == "one"


def test_nothing_is_cached_for_long(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    word(engine)
    monkeypatch.setattr(statements, "monotonic", lambda: monotonic() + 2 * statements.LIFETIME)
    assert word(engine) == "one"
    assert runs(engine)["SELECT n, word FROM notes WHERE n = $1"] == 1


def test_no_more_than_so_many_are_cached(engine: Engine) -> None:
    for n in range(statements.MOST + 20):
        with unit(engine) as uow:
            assert uow.scalar(cached(text(f"SELECT {n} + :n")), {"n": 1}) == n + 1
    assert len(runs(engine)) <= statements.MOST


def test_a_cached_statement_shows_each_scope_its_own(shelf: Shelf) -> None:
    """The plan is shared by all who use the connection; what they may see is not."""
    engine = make_engine(shelf.database.app_url, size=1)
    ids = {}
    for place in ("/HQ/A/", "/HQ/B/"):
        with UnitOfWork(engine, Principal("ann", place)) as uow:
            book = Book(id=None, number=uuid.uuid4().hex, code=uuid.uuid4().hex, title="t", org_path=place)
            uow.add(book)
        ids[place] = book.id
    for _ in range(12):  # the server has long gone over to a plan that serves any value
        for place, other in (("/HQ/A/", "/HQ/B/"), ("/HQ/B/", "/HQ/A/")):
            with UnitOfWork(engine, Principal("ann", place)) as uow:
                assert uow.one(Book, Book.id == ids[place]) is not None
                assert uow.one(Book, Book.id == ids[other]) is None
    with UnitOfWork(engine, Principal("ann", "/HQ/")) as uow:
        assert len(uow.find(Book, Book.id.in_(ids.values()))) == 2
    engine.dispose()


def test_a_cached_plan_serves_who_sees_all_or_what_is_found_by_key(engine: Engine) -> None:
    """It reckons with the scope it was made in, and would serve all others too."""
    by_key = Fixed(text("SELECT word FROM notes WHERE n = :n AND true"), Cache.PLANNED)
    plans = text("SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE :like")

    def read(principal: Principal, statement: Any = _READ, like: str = "%AS SELECT n, word%") -> tuple[int, int]:
        for _ in range(10):
            with UnitOfWork(engine, principal, read_only=True) as uow:
                uow.rows(statement, {"n": 1})
        with unit(engine) as uow:
            generic, custom = uow.rows(plans, {"like": like})[0]
            return int(generic), int(custom)

    somebody = Principal("ann", "/HQ/B1/")
    assert read(somebody) == (0, 10)
    generic, custom = read(Principal.system("test"))
    assert generic > 0
    assert read(somebody) == (generic, custom + 10)
    assert read(somebody, Fixed(text("SELECT word FROM notes WHERE n = :n OR false")), "%OR false%") == (0, 10)
    assert read(somebody, by_key, "%AND true%")[0] > 0


@pytest.mark.parametrize(("members", "planned"), [
    ([("id", False)], True), ([("id", False), ("code", False)], True), ([("id", True)], False), ([("code", False)], False),
])  # fmt: skip
def test_a_plan_is_cached_for_a_whole_primary_key_alone(members: list[tuple[str, bool]], planned: bool) -> None:
    assert mapping(Book).having(tuple(members), (), False, None).cache is (Cache.PLANNED if planned else Cache.PARSED)
