"""Tokens while the signing keys come late, and when many ask at once."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.domain.errors import Unauthenticated, Unavailable
from chassis.http.auth import Verifier

KEY = Ed25519PrivateKey.generate()
CLAIMS = {"iss": "aftersales", "aud": "aftersales", "sub": "1", "username": "ann", "org_path": "/HQ/"}


def bearer(kid: str = "k1") -> str:
    token = jwt.encode({**CLAIMS, "exp": time.time() + 60}, KEY, algorithm="EdDSA", headers={"kid": kid})
    return f"Bearer {token}"


def publish(path: Path) -> None:
    public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key()))
    path.write_text(json.dumps({"keys": [{**public, "kid": "k1", "alg": "EdDSA", "use": "sig"}]}))


def test_a_good_token_is_not_called_bad_while_there_are_no_keys(tmp_path: Path) -> None:
    verifier = Verifier(str(tmp_path / "jwks.json"))
    for _ in range(3):
        with pytest.raises(Unavailable):
            verifier.principal(bearer())
    publish(tmp_path / "jwks.json")
    time.sleep(0.25)
    assert verifier.principal(bearer()).username == "ann"
    with pytest.raises(Unauthenticated):
        verifier.principal(bearer(kid="unknown"))


def test_the_first_callers_all_get_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "jwks.json")
    verifier, together = Verifier(str(tmp_path / "jwks.json")), threading.Barrier(8)
    load = verifier._load

    def slowly() -> dict[str, Any]:
        time.sleep(0.05)
        return load()

    monkeypatch.setattr(verifier, "_load", slowly)

    def call(_: int) -> str:
        together.wait()
        return verifier.principal(bearer()).username

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == ["ann"] * 8
