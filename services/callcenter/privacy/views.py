"""Consents and disclosures as the API shows them."""

from typing import Any

from chassis.http.views import stamps
from services.callcenter.privacy.consent import Consent
from services.callcenter.privacy.disclosure import Disclosure


def consent(consent: Consent) -> dict[str, Any]:
    names = ("id", "customer_id", "kind", "given", "stated_on", "channel")
    return {**{name: getattr(consent, name) for name in names}, **stamps(consent)}


def disclosure(disclosure: Disclosure) -> dict[str, Any]:
    names = ("id", "customer_id", "kind", "recipient", "purpose", "data", "basis")
    return {**{name: getattr(disclosure, name) for name in names}, **stamps(disclosure)}
