"""Partners and their keys (G-25)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden, NotFound, UnknownReference, ValidationFailed
from chassis.domain.moments import moment
from gateway import identity
from gateway.partners import credentials
from gateway.partners.key import MOST_KEYS, PartnerKey, rotate
from gateway.partners.partner import Partner

OWN_KIND = "gateway.partner"
"""Rights over partners themselves are never a scope: a key makes no keys."""
Made = tuple[Partner, list[PartnerKey], str]


def create(
    uow: UnitOfWork, name: str, org_unit_code: str, scopes: list[str], expires_at: str, networks: list[str] | None = None,
    requests_per_second: int | None = None,
) -> Made:
    """The partner, its first key, and the secret. Scopes the caller does not hold himself: Forbidden."""
    unit = identity.place(uow, org_unit_code, "org_unit_code")
    if not unit.office:  # a department has no scope of its own
        raise UnknownReference("org_unit_code")
    _grantable(uow, scopes)
    partner = Partner.create(
        uow.actor, unit.id, unit.org_path, name, scopes, credentials.networks(networks or ()), moment(expires_at), requests_per_second, uow.now
    )
    uow.add(partner)
    key, secret = PartnerKey.make(partner.id, partner.org_path, uow.actor, uow.now)
    uow.add(key)
    return partner, [key], secret


def change(uow: UnitOfWork, partner_id: uuid.UUID, **given: Any) -> Partner:
    """Tokens made before are void at once, unless only the name changed."""
    partner = _managed(uow, partner_id)
    if "scopes" in given:
        _grantable(uow, given["scopes"])
    if "networks" in given:
        given["networks"] = credentials.networks(given["networks"])
    if "expires_at" in given:
        given["expires_at"] = moment(given["expires_at"])
    if partner.change(uow.actor, uow.now, **given):
        identity.epoch_raised(uow, partner.id, partner.epoch)
    return partner


def disable(uow: UnitOfWork, partner_id: uuid.UUID) -> Partner:
    partner = _managed(uow, partner_id)
    partner.disable(uow.actor, uow.now)
    identity.epoch_raised(uow, partner.id, partner.epoch)
    return partner


def enable(uow: UnitOfWork, partner_id: uuid.UUID) -> Partner:
    partner = _managed(uow, partner_id)
    partner.enable(uow.actor)
    return partner


def rotate_key(uow: UnitOfWork, partner_id: uuid.UUID, overlap_hours: int = 72) -> Made:
    """The next key; the one before runs out after ``overlap_hours``, with 0 at once. TwoKeysValid during a rotation."""
    partner = _managed(uow, partner_id)
    keys = keys_of(uow, [partner.id], lock=True)[partner.id]
    former = rotate(keys, uow.now, timedelta(hours=overlap_hours))
    if former is not None and not former.valid(uow.now):
        identity.session_ended(uow, former.id)
    key, secret = PartnerKey.make(partner.id, partner.org_path, uow.actor, uow.now)
    uow.add(key)
    valid = [one for place, one in enumerate(keys, 2) if place <= MOST_KEYS or one.valid(uow.now)]
    for one in keys:
        if one not in valid:
            uow.delete(one)
    partner.key_rotated(uow.actor, key.id, former.ends_at if former else None)
    return partner, [key, *valid], secret


def revoke_key(uow: UnitOfWork, partner_id: uuid.UUID, key_id: str) -> Partner:
    """The key and every token made with it are worth nothing from now on."""
    partner = _managed(uow, partner_id)
    key = uow.one(PartnerKey, id=uuid.UUID(key_id), partner_id=partner.id, lock=True)
    if key is None:
        raise UnknownReference("key_id")
    if key.revoked_at is None:
        key.revoked_at = uow.now
        partner.key_revoked(uow.actor, key.id)
        identity.session_ended(uow, key.id)
    return partner


def keys_of(uow: UnitOfWork, partners: list[uuid.UUID], *, lock: bool = False) -> dict[uuid.UUID, list[PartnerKey]]:
    """Keys by partner, newest first."""
    found: dict[uuid.UUID, list[PartnerKey]] = {partner: [] for partner in partners}
    if partners:
        for key in uow.find(PartnerKey, partner_id=partners, order_by=(PartnerKey.id.desc(),), lock=lock):
            found[key.partner_id].append(key)
    return found


_RAISE = text(
    "UPDATE partners SET epoch = epoch + 1, epoch_at = :now WHERE starts_with(org_path, :path) RETURNING id, epoch"
)


def void_below(uow: UnitOfWork, path: str) -> None:
    """A unit moves or is deleted (G-11): tokens that name the old place are void; the rows follow by themselves (chassis/db/scopes.py)."""
    raised = uow.rows(_RAISE, {"path": path, "now": uow.now})
    identity.epochs_raised(uow, [(row.id, row.epoch) for row in raised])


def _managed(uow: UnitOfWork, partner_id: uuid.UUID) -> Partner:
    """Nobody takes over a partner that may more than he: its next secret would be in his hands."""
    partner = uow.get(Partner, partner_id)
    if str(partner.id) == uow.principal.user_id:
        raise NotFound()
    if not all(uow.principal.may(scope) for scope in partner.scopes):
        raise Forbidden("more rights than the caller has")
    return partner


def _grantable(uow: UnitOfWork, scopes: list[str]) -> None:
    """Rights by their whole names, which the caller has himself."""
    known = set(identity.permissions())
    wrong = [i for i, scope in enumerate(scopes) if scope not in known or scope.startswith(OWN_KIND)]
    if wrong:
        raise ValidationFailed([{"field": f"scopes.{index}", "code": "not_allowed"} for index in wrong])
    if not all(uow.principal.may(scope) for scope in scopes):
        raise Forbidden("more rights than the caller has")
