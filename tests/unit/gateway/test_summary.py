"""What the audit log repeats of a request about a person: nothing that says who it is, wherever he was written."""

from __future__ import annotations

import json

import pytest

from gateway.audit.summary import summary
from gateway.routing import Table

CUSTOMERS = Table.of_contracts().match("POST", "/api/v1/customers")


@pytest.mark.parametrize("body", [
    {"name": "钟离春晓", "phone": "13866554433", "phones": ["13866554433"]},
    {"surprise": "钟离春晓"},
    {"surprise": {"name": "钟离春晓"}},
    {"钟离春晓": 1},
    {"name": ["钟离春晓"]},
    ["钟离春晓"],
    "钟离春晓",
])
def test_a_person_is_not_repeated(body: object) -> None:
    kept = summary(json.dumps(body).encode(), legible=CUSTOMERS.legible)
    assert kept and "钟离" not in str(kept) and "3866554433" not in str(kept)


def test_members_are_named_and_others_told() -> None:
    assert summary(b'{"name": "x", "phone": "y"}', legible=CUSTOMERS.legible) == {"name": "***", "phone": "***"}
    approve = Table.of_contracts().match("POST", "/api/v1/work-orders/1/approve")
    assert summary('{"approved_by": "钟离"}'.encode(), legible=approve.legible) == {"approved_by": "***"}
    device = Table.of_contracts().match("POST", "/api/v1/devices")
    assert device.legible is None and summary(b'{"serial_number": "S1"}', legible=None) == {"serial_number": "S1"}
