"""Access tokens: short-lived EdDSA JWTs. Services verify them with the published keys (JWKS)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.http.auth import AUDIENCE, ISSUER, Verifier
from chassis.ops.settings import SettingsError, settings

ACCESS_SECONDS = 1800
"""Life of an access token. What ends a session ends its tokens at once (access.py); this bounds what is kept for that."""


class Signer:
    """Signs with one Ed25519 key, given as PEM (PKCS 8)."""

    def __init__(self, pem: bytes) -> None:
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the signing key must be an Ed25519 key")
        self._key = key
        self.jwk = _public(key)

    def derived(self, purpose: str) -> bytes:
        """A secret for something else that only the gateway's processes may do; tells nothing of the key."""
        raw = self._key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
        return hmac.digest(raw, purpose.encode(), "sha256")

    @property
    def jwks(self) -> dict[str, Any]:
        """The published key set."""
        return {"keys": [self.jwk]}

    def sign(self, claims: Mapping[str, Any], now: datetime, seconds: int = ACCESS_SECONDS) -> str:
        """A token with these claims beside issuer, audience and times."""
        issued = int(now.timestamp())
        whole = {"iss": ISSUER, "aud": AUDIENCE, **claims, "iat": issued, "exp": issued + seconds}
        return jwt.encode(whole, self._key, algorithm="EdDSA", headers={"kid": self.jwk["kid"]})


class OwnVerifier(Verifier):
    """Verifies what this gateway signed, without asking anybody for keys."""

    def __init__(self, signer: Signer) -> None:
        super().__init__("")
        self._jwks = signer.jwks

    def _load(self) -> dict[str, Any]:
        return self._jwks


@lru_cache(maxsize=1)
def signer() -> Signer:
    """The signer of this process: AFTERSALES_SIGNING_KEY is the path of the key file, or its PEM text."""
    given = settings().signing_key
    if not given:
        raise SettingsError("AFTERSALES_SIGNING_KEY is not set")
    try:
        return Signer(given.encode() if given.startswith("-----BEGIN") else Path(given).read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"AFTERSALES_SIGNING_KEY cannot be used: {type(error).__name__}") from None


def new_key() -> bytes:
    """A fresh signing key as PEM; whoever stores it sees to mode 600."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(key: Ed25519PrivateKey) -> dict[str, str]:
    """Public JWK, named by its thumbprint (RFC 7638)."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    thumbprint = hashlib.sha256(orjson.dumps(jwk, option=orjson.OPT_SORT_KEYS)).digest()
    return {**jwk, "kid": _base64url(thumbprint), "use": "sig", "alg": "EdDSA"}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
