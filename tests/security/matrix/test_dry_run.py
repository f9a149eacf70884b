"""Every write that there is as a dry run by an administrator, on finished documents: whatever it answers, nothing is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.security.matrix.bodies import UPLOAD, body
from tests.security.matrix.cells import STALE, expectations, key_of
from tests.security.matrix.world import UNKNOWN, World
from tests.support.client import Client
from tests.support.contracts import BASE, operations
from tests.support.rehearsal import Watch

pytestmark = pytest.mark.slow


@pytest.fixture
def watch(world: World) -> Iterator[Watch]:
    with closing(Watch(world.suite)) as watch:
        yield watch


def test_no_operation_leaves_anything(world: World, watch: Watch, told: list[str]):
    admin = next(caller for caller in world.callers if (caller.role, caller.place) == ("admin", "hq"))
    client, went_through, count = Client(world.suite.base), [], 0
    for operation in operations():
        expected = expectations()[key_of(operation)]
        if operation.method == "get" or operation.spec.get("x-idempotent") is False:
            continue
        path = operation.path.removeprefix(BASE)
        for kind in filter(None, (expected.of, expected.part)):
            there = world.shared.get(kind) or world.documents.get(kind, {}).get("A", UNKNOWN)
            path = re.sub(r"\{[^}]+\}", there, path, count=1)
        content = body(expected.key, world)
        file = {"raw": content} if isinstance(content, bytes) else {}
        headers = {**admin.headers, **({"Content-Type": UPLOAD} if file else {})}
        answer = watch.rehearse(client, operation.method.upper(), path, None if file else content, headers=headers, **file)
        assert answer.status < 500, f"{path}: {answer.raw[:300]!r}"
        count += 1
        went_through += [operation.operation_id] if answer.ok else []
    told.append(f"dry runs: {count} operations, {len(went_through)} of them would have succeeded")
    assert count > 50 and len(went_through) > 35, went_through


def test_what_begins_a_session_or_tells_a_secret_takes_no_dry_run(world: World):
    admin = next(caller for caller in world.callers if (caller.role, caller.place) == ("admin", "hq"))
    client = Client(world.suite.base)
    for operation in operations():
        if operation.method != "get" and operation.spec.get("x-idempotent") is False:
            path = re.sub(r"\{[^}]+\}", UNKNOWN, operation.path.removeprefix(BASE))
            headers = {**admin.headers, "Dry-Run": "true"}
            answer = client.call(operation.method.upper(), path, body(key_of(operation), world), headers=headers)
            assert (answer.status, answer.code) == (400, "validation_failed"), f"{path}: {answer.raw[:300]!r}"


def test_a_stale_version_is_stale_in_a_dry_run_too(world: World):
    headers = {**STALE, **world.callers[-1].headers, "Dry-Run": "true"}
    answer = Client(world.suite.base).call("PATCH", f"/sites/{world.documents['site']['A']}", {"name": "x"}, headers=headers)
    assert (answer.status, answer.code) == (409, "stale_version") and answer.headers["dry-run"] == "true"
