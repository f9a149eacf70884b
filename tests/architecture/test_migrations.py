"""Models and migrations agree; every table that hangs on a site is guarded by the database."""

import pytest
import sqlalchemy as sa

from chassis.db.migrate import drift
from chassis.db.tables import metadata_of
from chassis.service import Service
from tests.support.database import service_database
from tests.support.world import services

TRANSPORT = {"outbox"}  # guarded against the application, open to its owner for repairs


@pytest.mark.parametrize("service", services(), ids=lambda service: service.name)
def test_migrations_make_what_the_models_say(database_server: str, service: Service):
    with service_database(database_server, service) as database:
        assert drift(service, database.owner_url) == []
        inspector = sa.inspect(database.owner)
        scoped = [table for table in inspector.get_table_names()
                  if any(column["name"] == "org_path" for column in inspector.get_columns(table)) and table not in TRANSPORT]
        with database.owner.connect() as connection:
            forced = set(connection.scalars(sa.text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")))
            policies = set(connection.scalars(sa.text("SELECT tablename FROM pg_policies")))
        assert set(scoped) <= forced & policies, f"not guarded: {set(scoped) - (forced & policies)}"
        models = {name for name, table in metadata_of(service).tables.items() if "org_path" in table.columns} - TRANSPORT
        assert models == set(scoped)
