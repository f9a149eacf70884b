"""Numbers of each kind of finance's documents follow their own rule (R-01)."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import pytest

from services.finance.numbering.rule import NumberRule
from tests.integration.finance.conftest import Finance

VERSIONS = itertools.count(2)
SHIPPED = {"bill": "BL", "payment": "PY", "refund": "RF", "reversal": "RV"}


def tell(finance: Finance, kind: str, **rule: Any) -> None:
    value = {"prefix": SHIPPED[kind], "digits": 4, "reset": "monthly", **rule}
    finance.served.tell(
        "aftersales.gateway.parameter.changed.v1", {"key": f"number.{kind}", "value": value}, sequence=next(VERSIONS)
    )


@pytest.mark.parametrize("kind", sorted(SHIPPED))
def test_each_kind_draws_by_its_own_rule(finance: Finance, kind: str) -> None:
    try:
        tell(finance, kind, prefix=f"T{kind[:3].upper()}", digits=0, reset="never")
        with finance.served.database.uow() as uow:
            drawn = {each: uow.numbers(each, date(2016, 11, 5), 2) for each in SHIPPED}
            uow.rollback()
        monthly = {each: [f"{prefix}16110001", f"{prefix}16110002"] for each, prefix in SHIPPED.items()}
        assert drawn == {**monthly, kind: [f"T{kind[:3].upper()}1", f"T{kind[:3].upper()}2"]}
    finally:
        tell(finance, kind)
    with finance.served.database.uow() as uow:
        assert {rule.kind: rule.prefix for rule in uow.find(NumberRule)} == SHIPPED


def test_a_sequence_with_documents_does_not_begin_again(finance: Finance) -> None:
    """The month is the bill's, today's."""
    finance.site().bill()
    answer = finance.served.call("POST", "/finance-numbers/bill/reset", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "number_conflict")


@pytest.mark.parametrize("sort", ["kind", "-kind", "prefix", "-digits", "reset", "next_number", "-next_number", "version"])
def test_the_list_pages(finance: Finance, sort: str) -> None:
    items, cursor = [], None
    while items == [] or cursor:
        page = finance.served.call("GET", "/finance-numbers", sort=sort, limit=1, **({"cursor": cursor} if cursor else {})).json()
        items, cursor = [*items, *page["items"]], page["next_cursor"]
    shown = [each[sort.removeprefix("-")] for each in items]
    assert len(items) == len(SHIPPED) and shown == sorted(shown, reverse=sort.startswith("-"))
    assert [each["kind"] for each in finance.served.call("GET", "/finance-numbers").json()["items"]] == sorted(SHIPPED)
