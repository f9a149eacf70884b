"""Rules of consents, disclosures and erasure (C-04)."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from chassis import contracts
from chassis.domain.errors import ValidationFailed
from chassis.domain.masking import ERASED
from chassis.domain.principal import Principal
from services.callcenter.customers import views
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.errors import CustomerErased
from services.callcenter.customers.phones import normalise, normalise_all
from services.callcenter.privacy.disclosure import Basis, Disclosure
from services.callcenter.privacy.errors import ConsentMissing
from services.callcenter.privacy.usecases import EXPORTED
from tests.support.announced import announced, loaded

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize("basis", list(Basis))
def test_sharing_that_rests_on_consent_needs_one(basis: Basis):
    told: dict[str, Any] = {"customer_id": uuid4(), "recipient": "Falke", "purpose": "repair", "data": ["contact"]}
    assert Disclosure.share(basis, True, **told).recipient == "Falke"
    if basis is Basis.CONSENT:
        with pytest.raises(ConsentMissing):
            Disclosure.share(basis, False, **told)
    else:
        assert Disclosure.share(basis, False, **told).basis is basis


def test_the_log_names_what_the_file_holds():
    [export] = [operation for operation in contracts.operations("callcenter") if operation.operation_id == "privacy.export"]
    assert ["customer", *export.spec["x-collects"]] == EXPORTED


def erased() -> Customer:
    customer = loaded(Customer.create("王芳", ["+8613800138000"]))
    customer.erase(NOW, "admin")
    return customer


def test_erasing_leaves_no_name_number_or_mark():
    customer = erased()
    assert (customer.name, customer.phones, customer.marks) == (ERASED, [], [])
    assert customer.erased_at == NOW
    assert announced(customer) == [("erased", {"name": ERASED, "phones": [], "erased_at": NOW})]


def test_erased_once_for_ever():
    customer = erased()
    customer.erase(datetime(2027, 1, 1, tzinfo=UTC), "somebody")
    assert customer.erased_at == NOW and len(announced(customer)) == 1
    with pytest.raises(CustomerErased):
        customer.change(name="王芳")


@pytest.mark.parametrize("text", ["+86138****8000", "138****8000", "138＊＊＊＊8000"])
def test_a_masked_number_is_refused_as_what_it_is(text: str):
    with pytest.raises(ValidationFailed) as refused:
        normalise(text)
    assert refused.value.members["errors"] == [{"field": "phone", "code": "phone_masked"}]
    with pytest.raises(ValidationFailed) as refused:
        normalise_all(["13800138000", text])
    assert refused.value.members["errors"] == [{"field": "phones.1", "code": "phone_masked"}]


def test_numbers_are_shown_by_right():
    customer = Customer.create("王芳", ["+8613800138000", "+861062345678"])
    customer.id, customer.version = uuid4(), 1
    for name in ("created_at", "updated_at", "created_by", "updated_by"):
        customer.__dict__[name] = None
    full = views.customer(customer, Principal.of("agent", "/HQ/", [views.SEE_FULL]))
    part = views.customer(customer, Principal.of("technician", "/HQ/", ["callcenter.customer.read"]))
    assert (full["phone"], full["phones"]) == ("+8613800138000", ["+8613800138000", "+861062345678"])
    assert (part["phone"], part["phones"]) == ("+86138****8000", ["+86138****8000", "+8610****5678"])
