"""Customers as the API shows them: numbers in full only to who has the right (C-04), in every answer."""

from collections.abc import Sequence
from typing import Any

from chassis.domain.masking import mask_phone
from chassis.domain.principal import HEADQUARTERS, Principal
from chassis.http.views import stamps
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.looking_up import Found

SEE_FULL = "callcenter.customer.see_full"
TAKE_IN = "callcenter.customer.take_in"


def customer(customer: Customer, principal: Principal, consents: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """``consents``: those in force (privacy/queries.py)."""
    full = principal.may(SEE_FULL)
    shown = whole(customer, customer.phones if full else [mask_phone(number) for number in customer.phones], consents)
    return {**shown, "allowed_actions": allowed(customer, principal)}


def allowed(customer: Customer, principal: Principal) -> list[str]:
    """Whom nobody serves a unit may take in. The others are headquarters' business (privacy/usecases.py, and orders' erasures); erased is
    for ever."""
    rights = {"export": "callcenter.customer.export", "erase": "orders.customer.erase"}
    if not HEADQUARTERS.startswith(principal.scope):
        return ["take-in"] if customer.home_path is None and principal.may(TAKE_IN) else []
    return [verb for verb, right in rights.items() if principal.may(right) and (verb == "export" or customer.erased_at is None)]


def whole(customer: Customer, phones: Sequence[str], consents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": customer.id,
        "name": customer.name,
        "phone": phones[0] if phones else None,
        "phones": list(phones),
        "consents": list(consents),
        "erased_at": customer.erased_at,
        **stamps(customer),
    }


def looked_up(found: Found) -> dict[str, Any]:
    """What everybody is shown of one whom others serve: his number in part, whatever right the caller has."""
    return {"id": found.id, "name": found.name, "phone": found.phone and mask_phone(found.phone), "linked": found.linked}


def warnings(known: Sequence[Found]) -> list[dict[str, Any]]:
    """What a customer just saved is told when its number was known already (C-02): who, and no number."""
    matches = [{"id": other.id, "name": other.name} for other in known]
    return [{"code": "known_phone", "matches": matches}] if matches else []
