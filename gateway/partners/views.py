"""Partners, tokens and calls as documents."""

from __future__ import annotations

from typing import Any

from chassis.db.uow import UnitOfWork
from chassis.http.views import stamps
from gateway.partners.call import PartnerCall
from gateway.partners.issuing import Issued
from gateway.partners.key import PartnerKey
from gateway.partners.partner import PARTNERS, Partner

Document = dict[str, Any]
_MEMBERS = ("id", "client_id", "name", "org_unit_id", "org_path", "state", "scopes", "networks", "expires_at", "requests_per_second")
_KEY = ("created_at", "created_by", "ends_at", "revoked_at", "last_used_at")
_CALL = ("id", "partner_id", "key_id", "at", "method", "path", "operation", "status", "duration_ms", "dry_run", "address", "trace_id")


def partner(uow: UnitOfWork, found: tuple[Partner, list[PartnerKey]], secret: str | None = None) -> Document:
    document, keys = found
    shown = {
        **{name: getattr(document, name) for name in _MEMBERS},
        "expired": document.expired(uow.now),
        "keys": [key(uow, one) for one in keys],
        "allowed_actions": PARTNERS.allowed(document, uow.principal),
        **stamps(document),
    }
    return shown if secret is None else {**shown, "client_secret": secret}


def key(uow: UnitOfWork, found: PartnerKey) -> Document:
    return {"key_id": found.id, "valid": found.valid(uow.now), **{name: getattr(found, name) for name in _KEY}}


def token(issued: Issued) -> Document:
    """RFC 6749 5.1."""
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.seconds,
        "scope": " ".join(issued.scopes),
    }


def call(found: PartnerCall) -> Document:
    return {name: getattr(found, name) for name in _CALL}
