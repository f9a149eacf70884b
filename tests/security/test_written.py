"""After everything else here: what the suite wrote down while it was under fire. Logs, events, error reasons and stored answers
hold no password, token, signing key or phone number; every log line is one JSON object, whatever was sent."""

from __future__ import annotations

import json
import re

import pytest

from chassis.crypto import Ring
from deploy.local.folder import DataFolder
from tests.security.matrix.world import World
from tests.support.company import PASSWORD
from tests.support.databases import owner
from tests.support.sealed import answers

pytestmark = pytest.mark.slow

SERVICES = ("orders", "inventory", "finance", "callcenter", "gateway")
TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")
PHONE = re.compile(r"(?<!\d)(\+86)?1[3-9]\d{9}(?!\d)")


def secrets(world: World) -> list[str]:
    folder = DataFolder(world.suite.data)
    kept = json.loads((folder.path / "secrets.json").read_text())
    key = folder.signing_key.read_text().splitlines()[1]
    of_partners = [partner["client_secret"] for partner in world.partners.values()]
    return [PASSWORD, world.suite.password, key, *kept.values(), *of_partners]


def test_the_logs_tell_no_secret(world: World):
    logs = [path for path in DataFolder(world.suite.data).logs.glob("*.log") if path.name != "postgres.log"]
    assert len(logs) >= 6
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace")
        for secret in secrets(world):
            assert secret not in text, f"{path.name} tells a secret"
        assert not TOKEN.search(text), f"{path.name} tells a token"
        found = PHONE.search(text)
        assert found is None, f"{path.name} tells a phone number: {text[max(0, found.start() - 100):found.end() + 20]}"


def test_a_log_line_is_one_object(world: World):
    """Nothing that was sent could begin a line of its own."""
    for path in DataFolder(world.suite.data).logs.glob("*.log"):
        if path.name != "postgres.log":
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("{"):
                    json.loads(line)


@pytest.mark.parametrize("service", SERVICES)
def test_the_databases_keep_no_secret(world: World, service: str):
    """Events, failures and stored answers: passwords and tokens stand nowhere, not for a day either."""
    ring = Ring.parse(DataFolder(world.suite.data).keyring.read_text())
    stored = answers(owner(world.suite, service, "SELECT principal, request, key, answer FROM idempotency"), ring)
    assert not [secret for secret in secrets(world) for answer in stored if secret in answer], "a stored answer holds a secret"
    assert not [answer for answer in stored if TOKEN.search(answer)], "a stored answer holds a token"
    for table in ("outbox", "inbox", "journal"):
        column = f"{table}::text"
        for secret in secrets(world):
            found = owner(world.suite, service, f"SELECT count(*) FROM {table} WHERE position(%s in {column}) > 0", secret)
            assert found == [(0,)], f"{service}.{table} holds a secret"
        found = owner(world.suite, service, f"SELECT count(*) FROM {table} WHERE {column} ~ 'eyJ[A-Za-z0-9_-]{{10,}}[.]'")
        assert found == [(0,)], f"{service}.{table} holds a token"


def test_a_made_password_is_not_kept_with_the_answer(world: World):
    """Told once: the stored answer of a creation under an idempotency key has lost it."""
    import uuid

    key = uuid.uuid4().hex
    body = {"username": f"u-{key[:10]}", "name": "x", "org_unit_code": "HQ", "roles": []}
    made = world.admin.call("POST", "/users", body, key=key)
    again = world.admin.call("POST", "/users", body, key=key)
    assert made.json["password"] and again.status == 201
    assert again.json == {name: value for name, value in made.json.items() if name != "password"}
    rows = owner(world.suite, "gateway", "SELECT principal, request, key, answer FROM idempotency WHERE key = %s", key)
    [stored] = answers(rows, Ring.parse(DataFolder(world.suite.data).keyring.read_text()))
    assert '"username"' in stored and made.json["password"] not in stored
