"""A bill that several pay: the one worked by hand in tests/unit/orders/test_shares.py, told to finance."""

from __future__ import annotations

import uuid
from typing import Any

from services.orders.repairs.shares import Term
from tests.support.serving import Served
from tests.unit.orders.test_shares import POSITIONS, TAX, WHOLE, billing as priced, price

Document = dict[str, Any]


def party(api: Served, kind: str = "insurer", **more: Any) -> Document:
    made = api.call("POST", "/counterparties", {"kind": kind, "code": f"P{uuid.uuid4().hex[:10]}", "name": "人保财险", **more})
    assert made.status_code == 201, made.text
    found: Document = made.json()
    return found


def shared(insurer: str, maker: str) -> Document:
    """The bill worked by hand of tests/unit/orders/test_shares.py: 42.29 to the customer, 92.33 to the maker, 50.00 to the insurer."""
    terms: list[Term] = [{"payer": "insurer", "party_id": insurer, "amount": "50.00"}, {"payer": "maker", "party_id": maker, "percent": 50}]
    content: Any = priced(1, price(POSITIONS, TAX, WHOLE), terms, "customer")
    return dict(content)


def items(api: Served, bill: Document, **query: Any) -> dict[str, Document]:
    found = api.call("GET", "/open-items", document_id=bill["id"], **query).json()["items"]
    return {item["payer"]: item for item in found}
