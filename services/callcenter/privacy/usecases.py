"""What can be done about a customer's privacy (C-04)."""

from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden
from chassis.domain.moments import day
from chassis.domain.principal import HEADQUARTERS
from services.callcenter.customers import Customer, reference
from services.callcenter.privacy.consent import Consent, Kind
from services.callcenter.privacy.disclosure import Basis, Disclosure
from services.callcenter.privacy.queries import agreed

EXPORTED = [
    "customer", "consents", "disclosures", "revisits", "follow_ups", "devices", "work_orders", "bills", "payments", "credits", "refunds"
]  # fmt: skip
"""What the file holds, as the log says it: the customer and the lists of the contract's ``x-collects``."""


def record_consent(
    uow: UnitOfWork, customer_id: str, kind: str, given: bool, stated_on: str, channel: str
) -> Consent:
    """A consent given or withdrawn, at what day and how. An erased customer takes none: CustomerErased."""
    customer = reference(uow, customer_id)
    fields = {"customer_id": customer.id, "kind": Kind(kind), "given": given, "channel": channel}
    consent = Consent(stated_on=day(stated_on), **fields)
    uow.add(consent)
    return consent


def share(uow: UnitOfWork, customer_id: str, basis: str, recipient: str, purpose: str, data: list[str]) -> Disclosure:
    """Somebody outside was given data of a customer: to whom, why, which kinds."""
    customer = reference(uow, customer_id)
    facts = {"customer_id": customer.id, "recipient": recipient, "purpose": purpose, "data": sorted(set(data))}
    disclosure = Disclosure.share(Basis(basis), agreed(uow, customer.id, Kind.DATA_SHARING), **facts)
    uow.add(disclosure)
    return disclosure


def export(uow: UnitOfWork, customer_id: UUID, purpose: str, recipient: str | None = None) -> Customer:
    """The disclosure is written in the transaction that reads: no file without its line in the log. For headquarters only,
    since a branch would get a part of the person's documents and call it all."""
    if not HEADQUARTERS.startswith(uow.principal.scope):
        raise Forbidden("the file about a person is headquarters' business")
    customer = uow.read(Customer, customer_id)
    uow.add(Disclosure.export(customer.id, purpose, recipient, EXPORTED))
    return customer
