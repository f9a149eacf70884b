"""Tokens for partners' systems: OAuth2 client credentials (RFC 6749 4.4). Every try of a known client stands in its call log,
so these functions commit first and raise afterwards."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.errors import DomainError
from chassis.domain.principal import Principal
from chassis.http.problems import STATUS
from chassis.ops.trace import trace_id
from gateway import tokens
from gateway.identity import OrgUnit
from gateway.partners import credentials
from gateway.partners.call import PartnerCall
from gateway.partners.errors import (
    AddressNotAllowed,
    ClientDisabled,
    InvalidRequest,
    InvalidScope,
    KeyExpired,
    UnsupportedGrantType,
    WrongSecret,
)
from gateway.partners.key import PartnerKey
from gateway.partners.partner import Partner, PartnerState

TOKEN_SECONDS = 900
"""Life of a partner's token: short, since it can get the next at any time. Its key's and its own end bound it too."""
GRANT, PATH = "client_credentials", "/api/v1/auth/client-token"


@dataclass(frozen=True, slots=True)
class Asked:
    """A token request as it came."""

    authorization: str | None
    body: Mapping[str, Any]
    address: str
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, its scopes, and its life in seconds."""

    access_token: str
    scopes: list[str]
    seconds: int


def issue(engine: Engine, asked: Asked) -> Issued:
    """Raises WrongSecret, KeyExpired, ClientDisabled, AddressNotAllowed, InvalidScope, InvalidRequest, UnsupportedGrantType."""
    grant = asked.body.get("grant_type")
    if grant is None:
        raise InvalidRequest("grant_type", "missing")
    if grant != GRANT:
        raise UnsupportedGrantType()
    client_id, secret = credentials.presented(asked.authorization, asked.body)
    with UnitOfWork(engine, Principal.system("gateway.client_token")) as uow:
        # Locked: who changes the partner holds it until his commit, so a token made here says the new things, or has the
        # old epoch, which is void.
        partner = uow.one(Partner, client_id=client_id, lock=True)
        if partner is None:
            outcome: Issued | DomainError = WrongSecret()
        else:
            keys = uow.find(PartnerKey, partner_id=partner.id, lock=True)
            key = next((key for key in keys if key.fits(secret)), None)
            outcome = _outcome(uow, partner, key, asked)
            uow.add(_call(uow, partner, key, asked, outcome))
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _outcome(uow: UnitOfWork, partner: Partner, key: PartnerKey | None, asked: Asked) -> Issued | DomainError:
    if key is None or key.revoked_at is not None:
        return WrongSecret()
    unit = uow.read(OrgUnit, partner.org_unit_id)
    if partner.state is not PartnerState.ACTIVE or unit.deleted_at is not None:
        return ClientDisabled()
    if partner.expired(uow.now) or not key.valid(uow.now):
        return KeyExpired()
    if not credentials.allowed(asked.address, partner.networks):
        return AddressNotAllowed()
    scopes = sorted(set(asked.body.get("scope", "").split())) or partner.scopes
    if missing := [scope for scope in scopes if scope not in partner.scopes]:
        return InvalidScope(scope=" ".join(missing))
    key.last_used_at = uow.now
    return _token(uow, partner, key, scopes)


def _token(uow: UnitOfWork, partner: Partner, key: PartnerKey, scopes: list[str]) -> Issued:
    ends = min(filter(None, (partner.expires_at, key.ends_at)))
    seconds = max(1, min(TOKEN_SECONDS, int((ends - uow.now).total_seconds())))
    claims: dict[str, Any] = {
        "sub": str(partner.id),
        "username": partner.username,
        "name": partner.name,
        "org_path": partner.org_path,
        "roles": [],
        "perms": scopes,
        "epoch": partner.epoch,
        "sid": key.id.hex,
        "lang": "zh-CN",
        "nets": partner.networks,
    }
    if partner.requests_per_second:
        claims["rate"] = partner.requests_per_second
    return Issued(tokens.signer().sign(claims, uow.now, seconds), scopes, seconds)


def _call(uow: UnitOfWork, partner: Partner, key: PartnerKey | None, asked: Asked, outcome: Issued | DomainError) -> PartnerCall:
    return PartnerCall(
        id=new_id(),
        partner_id=partner.id,
        key_id=key.id if key else None,
        at=uow.now,
        method="POST",
        path=PATH,
        operation="gateway.partners.token",
        status=STATUS[outcome.kind] if isinstance(outcome, DomainError) else 200,
        duration_ms=round((time.monotonic() - asked.began) * 1000),
        dry_run=False,
        trace_id=trace_id() or "",
        address=asked.address,
        org_path=partner.org_path,
    )
