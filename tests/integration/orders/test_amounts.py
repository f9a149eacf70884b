"""Hours, minutes and what they come to, over HTTP: nothing that is too large is kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.orders.conftest import Shop


def test_labour_in_minutes(shop: Shop):
    job = shop.order().start().diagnose()
    job.do("quote", {"labour": [{"rate_code": shop.rate, "minutes": 20}], "parts": []})
    [line] = job.reload()["quote"]["lines"]
    assert (line["minutes"], line["quantity"], line["net"]) == (20, 0.333, "33.33")


@pytest.mark.parametrize(("time", "code"), [
    ({}, "missing"), ({"hours": 1, "minutes": 60}, "hours_or_minutes"), ({"minutes": 0}, "out_of_range"), ({"minutes": 1.5}, "wrong_type"),
    ({"minutes": 600000}, "out_of_range"), ({"hours": 0.3333}, "too_many_decimals"),
])  # fmt: skip
def test_hours_or_minutes(shop: Shop, time: dict[str, Any], code: str):
    job = shop.order().start().diagnose()
    answer = job.attempt("quote", {"labour": [{"rate_code": shop.rate, **time}], "parts": []})
    [error] = shop.refused(answer, 400, "validation_failed")["errors"]
    assert (error["field"].rpartition(".")[0], error["code"]) == ("labour.0", code)
    assert job.reload()["quote"] is None


def test_a_quote_too_large_is_refused_at_once_and_not_kept(shop: Shop):
    dear = shop.part("9999999999.99")
    job = shop.order().start().diagnose()
    for quantity in (1, 2, 999999):
        answer = job.attempt("quote", {"labour": [], "parts": [{"part_id": dear, "quantity": quantity}]})
        shop.refused(answer, 422, "amount_too_large", field="parts.0")
    assert (job.reload()["quote"], job.reload()["version"]) == (None, job.document["version"])
