"""For whom an order is opened. What an outside account opens is its party's, whatever it asked for (G-10)."""

from __future__ import annotations

from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden, UnknownReference
from chassis.domain.principal import Principal
from services.orders.masters import PartyCopy, Site


def parties(principal: Principal, customer_id: str | None, dealer_id: str | None) -> tuple[str | None, str | None]:
    """Customer and dealer of the order. Who may be neither opens none; another than the own party is unknown to it."""
    match principal.party_kind:
        case "":
            return customer_id, dealer_id
        case "customer":
            _other(principal, customer_id, "customer_id")
            if dealer_id is not None:
                raise UnknownReference("dealer_id")
            return principal.party, None
        case "dealer":
            _other(principal, dealer_id, "dealer_id")
            return customer_id, principal.party
    raise Forbidden("not for this kind of party")


def dealer(uow: UnitOfWork, dealer_id: str | None, site: Site) -> UUID | None:
    """A dealer that the site's unit, or one above it, looks after: another's people could not see the order. Which party an
    outside account belongs to says the gateway."""
    if dealer_id is None or uow.principal.is_outside:
        return UUID(dealer_id) if dealer_id else None
    party = uow.reference(PartyCopy, dealer_id, "dealer_id")
    if party.kind != "dealer" or not site.org_path.startswith(party.org_path):
        raise UnknownReference("dealer_id")
    return party.id


def _other(principal: Principal, given: str | None, field: str) -> None:
    if given is not None and UUID(given) != UUID(principal.party):
        raise UnknownReference(field)
