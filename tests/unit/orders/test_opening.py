"""For whom an order is opened (G-10)."""

import pytest

from chassis.domain.errors import DomainError
from chassis.domain.principal import Principal
from services.orders.repairs.opening import parties

OWN, OTHER = "01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"


def somebody(kind: str) -> Principal:
    return Principal("x", "/HQ/", party=OWN if kind else "", party_kind=kind)


@pytest.mark.parametrize(
    ("kind", "customer", "dealer", "outcome"),
    [
        ("", OTHER, OTHER, (OTHER, OTHER)),
        ("", None, None, (None, None)),
        ("customer", None, None, (OWN, None)),
        ("customer", OWN.upper(), None, (OWN, None)),
        ("customer", OTHER, None, "customer_id"),
        ("customer", None, OWN, "dealer_id"),
        ("dealer", None, None, (None, OWN)),
        ("dealer", OTHER, OWN, (OTHER, OWN)),
        ("dealer", None, OTHER, "dealer_id"),
        ("supplier", None, None, None),
    ],
)
def test_whose_order_it_is(kind: str, customer: str | None, dealer: str | None, outcome: object):
    if isinstance(outcome, tuple):
        assert parties(somebody(kind), customer, dealer) == outcome
        return
    with pytest.raises(DomainError) as refused:
        parties(somebody(kind), customer, dealer)
    assert refused.value.code == ("unknown_reference" if outcome else "forbidden")
    assert refused.value.members.get("field") == outcome
