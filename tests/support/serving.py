"""One service called through its ASGI application, on a database of its own, with tokens signed here and events handed to
its inbox. No port, no broker: what the service itself promises."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.domain.aggregate import new_id
from chassis.events import sealing
from chassis.http.app import Application, build_app
from chassis.messaging.inbox import Outcome, receive
from chassis.ops.settings import settings
from chassis.service import Service
from tests.support import contracts
from tests.support.database import ServiceDatabase, service_database

KEY = Ed25519PrivateKey.generate()


def token(scope: str = "/HQ/", permissions: tuple[str, ...] = ("*",), username: str = "ann") -> str:
    claims = {"iss": "aftersales", "aud": "aftersales", "sub": "1", "username": username, "org_path": scope,
              "perms": list(permissions), "exp": time.time() + 600}
    return jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k1"})


def envelope(
    type_: str, data: dict[str, Any], *, subject: uuid.UUID | str | None = None, sequence: int = 1, org_path: str | None = None
) -> dict[str, Any]:
    """A CloudEvents envelope as another service would send it."""
    service = type_.split(".")[1]
    plain = {
        "specversion": "1.0", "id": str(new_id()), "source": f"/{service}", "type": type_, "subject": str(subject or new_id()),
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "datacontenttype": "application/json",
        "sequence": sequence, "actor": "somebody", "data": data,
    }
    return plain if org_path is None else {**plain, "orgpath": org_path}


@dataclass
class Served:
    service: Service
    app: Application
    database: ServiceDatabase

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str], params: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://served") as client:
            content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            return await client.request(method, path, content=content, headers=headers, params=params, timeout=60)

    def call(
        self, method: str, path: str, body: Any = None, /, *, scope: str = "/HQ/", permissions: tuple[str, ...] = ("*",),
        headers: dict[str, str] | None = None, by: str = "ann", **params: Any,
    ) -> httpx.Response:
        """One request below /api/v1, ``by`` this user; its JSON answer is held against the contract."""
        bearer = {"Authorization": f"Bearer {token(scope, permissions, by)}", **(headers or {})}
        answer = asyncio.run(self._send(method, "/api/v1" + path, body, bearer, params or None))
        self._check(method, path, answer)
        return answer

    def together(self, calls: list[tuple[str, str, Any]]) -> list[httpx.Response]:
        """Requests at the same time, served by the threads of the process."""
        bearer = {"Authorization": f"Bearer {token()}"}

        async def run() -> list[httpx.Response]:
            return await asyncio.gather(*(self._send(m, "/api/v1" + p, body, bearer, None) for m, p, body in calls))

        return asyncio.run(run())

    def _check(self, method: str, path: str, answer: httpx.Response) -> None:
        media = answer.headers.get("content-type", "").partition(";")[0]
        operation = contracts.find(method, path)
        if operation is None or media not in ("application/json", "application/problem+json"):
            return
        checker, promised = contracts.validator(operation.service, operation.operation_id, answer.status_code)
        assert media == promised, (media, promised)
        wrong = [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in checker.iter_errors(answer.json())]
        assert not wrong, f"{method} {path} breaks its contract: {wrong}"

    def tell(self, type_: str, data: dict[str, Any], **members: Any) -> Outcome:
        """Hand an event to the inbox, as worker and courier do."""
        return self.receive(envelope(type_, data, **members))

    def receive(self, told: dict[str, Any]) -> Outcome:
        return receive(self.service, self.database.engine, told)

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """What stands in the database, seen under the system scope."""
        with self.database.uow() as uow:
            return list(uow.rows(sa.text(statement), parameters))

    def events(self, subject: Any) -> list[tuple[str, int, dict[str, Any]]]:
        """(type without the service, sequence, data) of what was announced about an aggregate, oldest first."""
        found = self.rows("SELECT type, sequence, envelope FROM outbox WHERE subject = :id ORDER BY position", id=str(subject))
        return [(row.type.split(".", 2)[2], row.sequence, sealing.opened(row.envelope)["data"]) for row in found]


def jwks_file(folder: Path) -> Path:
    """The public key of ``token``, as services read it."""
    jwks = folder / "jwks.json"
    public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key()))
    jwks.write_text(json.dumps({"keys": [{**public, "kid": "k1", "alg": "EdDSA", "use": "sig"}]}))
    return jwks


@contextmanager
def served(service: Service, server: str, folder: Path) -> Iterator[Served]:
    """The service on a new, migrated database of the server; ``folder`` keeps the public key."""
    patch = pytest.MonkeyPatch()
    jwks = jwks_file(folder)
    with service_database(server, service) as database:
        patch.setenv(f"AFTERSALES_DATABASE_URL_{service.name.upper()}", database.app_url)
        patch.setenv("AFTERSALES_JWKS", str(jwks))
        settings.cache_clear()
        app = build_app(service)
        try:
            yield Served(service, app, database)
        finally:
            app.runtime.close()
            patch.undo()
            settings.cache_clear()


