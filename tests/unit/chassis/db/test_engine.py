"""What errors of the database mean, and what they tell."""

import psycopg2
import pytest
from psycopg2 import errors
from sqlalchemy.exc import DBAPIError

from chassis.db.engine import make_engine
from chassis.db.violations import is_away


@pytest.mark.parametrize("error", [
    psycopg2.OperationalError("connection refused"),
    psycopg2.InterfaceError("connection already closed"),
    psycopg2.DatabaseError("server closed the connection unexpectedly"),  # seen when a backend is killed within a batch
])
def test_a_broken_connection_is_the_databases_absence(error: psycopg2.Error):
    assert is_away(error)
    assert is_away(DBAPIError("COMMIT", None, error))


@pytest.mark.parametrize("error", [errors.UniqueViolation(), errors.SyntaxError(), psycopg2.DataError("bad value"), ValueError()])
def test_a_refused_statement_is_not(error: Exception):
    assert not is_away(error)


def test_a_failed_statement_does_not_tell_its_values():
    engine = make_engine("postgresql://nobody@localhost/nowhere")
    assert engine.hide_parameters
