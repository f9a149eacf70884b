"""A tiny service on a real database, called through its ASGI application."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis import contracts
from chassis.http.app import Application, build_app
from chassis.ops.settings import settings
from tests.integration.chassis.shelf.app import SERVICE
from tests.support.database import ServiceDatabase, service_database

KEY = Ed25519PrivateKey.generate()


def token(scope: str = "/HQ/", perms: tuple[str, ...] = ("*",), key: Any = KEY, **changed: Any) -> str:
    claims = {"iss": "aftersales", "aud": "aftersales", "sub": "1", "username": "ann", "org_path": scope,
              "perms": list(perms), "exp": time.time() + 600}
    return jwt.encode({**claims, **changed}, key, algorithm="EdDSA", headers={"kid": "k1"})


@dataclass
class Shelf:
    app: Application
    database: ServiceDatabase

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://shelf") as client:
            return await client.request(method, path, timeout=30, **options)

    def call(self, method: str, path: str, body: Any = None, *, bearer: str | None = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer or token()}", **options.pop("headers", {})}
        if body is not None:
            options["content"] = body if isinstance(body, bytes) else json.dumps(body).encode()
        return asyncio.run(self._send(method, "/api/v1" + path, headers=headers, **options))

    def together(self, calls: list[tuple[str, str, dict[str, Any], dict[str, str]]]) -> list[httpx.Response]:
        async def run() -> list[httpx.Response]:
            auth = {"Authorization": f"Bearer {token()}"}
            sends = [self._send(m, "/api/v1" + p, json=b, headers={**auth, **h}) for m, p, b, h in calls]
            return await asyncio.gather(*sends)

        return asyncio.run(run())


@pytest.fixture(scope="package")
def shelf(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    patch = pytest.MonkeyPatch()
    patch.setattr(contracts, "CONTRACTS", Path(__file__).parent / "contracts")
    jwks = tmp_path_factory.mktemp("keys") / "jwks.json"
    public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key()))
    jwks.write_text(json.dumps({"keys": [{**public, "kid": "k1", "alg": "EdDSA", "use": "sig"}]}))
    with service_database(database_server, SERVICE) as database:
        patch.setenv("AFTERSALES_DATABASE_URL_SHELF", database.app_url)
        patch.setenv("AFTERSALES_JWKS", str(jwks))
        settings.cache_clear()
        errors = contracts.errors  # the catalogue is the suite's own
        app = build_app(SERVICE)
        patch.undo()
        patch.setenv("AFTERSALES_DATABASE_URL_SHELF", database.app_url)
        patch.setenv("AFTERSALES_JWKS", str(jwks))
        assert errors()
        yield Shelf(app, database)
        app.runtime.close()
    patch.undo()
    settings.cache_clear()
