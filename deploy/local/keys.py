"""The key pair that signs access tokens, the key ring that seals personal data, and the command line's own token."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

from chassis import crypto
from deploy.local.files import write_private
from gateway.tokens import Signer, new_key

COMMAND_LINE = "cli"


def ensure_signing_key(private: Path, public: Path | None = None) -> None:
    """Makes the private key (PEM, mode 600) once; ``public`` is its JWKS document, written anew each time."""
    if not private.exists():
        write_private(private, new_key().decode())
    if public is not None:
        write_private(public, json.dumps(Signer(private.read_bytes()).jwks))


def ensure_keyring(path: Path) -> None:
    """Makes the key ring (mode 600) once, and lets this process use it. Without it what it sealed is lost for good."""
    if not path.exists():
        write_private(path, crypto.Ring.new().text())
    crypto.use(path)


def command_line_token(private: Path, seconds: int) -> str:
    """An administrator's token for whoever may read the key file. It belongs to no session and no user of the gateway."""
    claims = {
        "sub": str(uuid.UUID(int=0)), "username": COMMAND_LINE, "name": COMMAND_LINE, "org_path": "/HQ/",
        "roles": ["admin"], "perms": ["*"], "epoch": 0, "sid": f"{COMMAND_LINE}-{uuid.uuid4()}", "lang": "en",
    }
    return Signer(private.read_bytes()).sign(claims, datetime.now(UTC), seconds)
