"""Signing keys and access tokens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from chassis.domain.errors import Unauthenticated
from chassis.http.auth import Verifier
from chassis.ops.settings import SettingsError, settings
from deploy.local import keys
from gateway import tokens
from gateway.tokens import OwnVerifier, Signer

CLAIMS = {"sub": "1", "username": "ann", "org_path": "/HQ/", "perms": ["orders.*"], "epoch": 1, "sid": "s"}


@pytest.fixture
def signer() -> Signer:
    return Signer(tokens.new_key())


def test_signed_and_verified(signer: Signer) -> None:
    claims, principal = OwnVerifier(signer).verify(f"Bearer {signer.sign(CLAIMS, datetime.now(UTC))}")
    assert claims["iss"] == claims["aud"] == "aftersales" and claims["exp"] - claims["iat"] == tokens.ACCESS_SECONDS
    assert principal.username == "ann" and principal.may("orders.work_order.start") and not principal.may("finance.bill.read")


def test_services_verify_with_the_published_keys(signer: Signer, tmp_path: Path) -> None:
    published = tmp_path / "jwks.json"
    published.write_text(json.dumps(signer.jwks))
    assert "d" not in signer.jwk, "the private part stays here"
    assert Verifier(str(published)).principal(f"Bearer {signer.sign(CLAIMS, datetime.now(UTC))}").scope == "/HQ/"


def test_expiry_is_checked_of_tokens_known_already(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    verifier, token = OwnVerifier(signer), f"Bearer {signer.sign(CLAIMS, datetime.now(UTC), seconds=30)}"
    assert verifier.principal(token)
    later = time.time() + 31
    monkeypatch.setattr("chassis.http.auth.time.time", lambda: later)
    with pytest.raises(Unauthenticated):
        verifier.principal(token)


@pytest.mark.parametrize("missing", ["sub", "exp", "aud", "iss"])
def test_claims_that_must_be_there(signer: Signer, missing: str) -> None:
    whole = jwt.decode(signer.sign(CLAIMS, datetime.now(UTC)), options={"verify_signature": False})
    del whole[missing]
    key = serialization.load_pem_private_key(_pem_of(signer), None)
    token = jwt.encode(whole, key, algorithm="EdDSA", headers={"kid": signer.jwk["kid"]})  # type: ignore[arg-type]
    with pytest.raises(Unauthenticated):
        OwnVerifier(signer).verify(f"Bearer {token}")


def test_old_and_foreign_tokens(signer: Signer) -> None:
    for bad in (signer.sign(CLAIMS, datetime.now(UTC) - timedelta(hours=2)), Signer(tokens.new_key()).sign(CLAIMS, datetime.now(UTC)), "", "a.b.c"):
        with pytest.raises(Unauthenticated):
            OwnVerifier(signer).verify(f"Bearer {bad}")


def test_the_command_lines_token_is_good_here(tmp_path: Path) -> None:
    """deploy/local makes the key, names it alike, and signs a token of its own with it."""
    private, public = tmp_path / "key.pem", tmp_path / "jwks.json"
    keys.ensure_signing_key(private, public)
    signer = Signer(private.read_bytes())
    assert json.loads(public.read_text()) == signer.jwks
    claims, principal = OwnVerifier(signer).verify(f"Bearer {keys.command_line_token(private, 60)}")
    assert claims["username"] == "cli" and principal.may("orders.history.import")


def test_key_from_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = tokens.new_key()
    (tmp_path / "key.pem").write_bytes(pem)
    rsa = generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    good = {str(tmp_path / "key.pem"), pem.decode()}
    for given in (*good, "", str(tmp_path / "missing"), rsa.decode(), "-----BEGIN nonsense"):
        monkeypatch.setenv("AFTERSALES_SIGNING_KEY", given)
        settings.cache_clear()
        tokens.signer.cache_clear()
        try:
            if given in good:
                assert tokens.signer().jwk == Signer(pem).jwk
            else:
                with pytest.raises(SettingsError, match="AFTERSALES_SIGNING_KEY"):
                    tokens.signer()
        finally:
            settings.cache_clear()
            tokens.signer.cache_clear()


def _pem_of(signer: Signer) -> bytes:
    return signer._key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
