"""Privacy over HTTP: one function per operation of contracts/callcenter/openapi/privacy.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.callcenter.privacy import queries, usecases, views
from services.callcenter.privacy.consent import Consent
from services.callcenter.privacy.disclosure import Disclosure


def record_consent(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return views.consent(usecases.record_consent(uow, **body))


def get_consent(uow: UnitOfWork, consent_id: UUID) -> dict[str, Any]:
    return views.consent(uow.read(Consent, consent_id))


def search_consents(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_consents(uow, query)


def share(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return views.disclosure(usecases.share(uow, **body))


def get_disclosure(uow: UnitOfWork, disclosure_id: UUID) -> dict[str, Any]:
    return views.disclosure(uow.read(Disclosure, disclosure_id))


def search_disclosures(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_disclosures(uow, query)


def export(uow: UnitOfWork, customer_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return queries.file_of(uow, usecases.export(uow, customer_id, **body))
