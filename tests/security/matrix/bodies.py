"""A body for every write that is valid by its contract, so that right and scope alone decide."""

from __future__ import annotations

import uuid
from typing import Any

from tests.security.matrix.world import UNKNOWN, World
from tests.support import files
from tests.support.company import PASSWORD, new_phone

FILE, _HEADERS = files.form("x.png", files.png(), boundary="cell")
UPLOAD = _HEADERS["Content-Type"]


def body(key: str, world: World) -> Any:
    """``key`` is ``POST /path``. Members that refer to scoped documents name site A's; the cells put others there. Bytes are
    an upload's."""
    if key.startswith("POST ") and key.endswith("/attachments"):
        return FILE
    name = f"X-{uuid.uuid4().hex[:12]}"
    home = {kind: found["A"] for kind, found in world.documents.items()}
    lines = [{"part_id": world.shared["part"], "quantity": 1}]
    bodies: dict[str, dict[str, Any]] = {
        "POST /auth/token": {"grant_type": "password", "username": name, "password": "wrong"},
        "POST /auth/password": {"old_password": "wrong", "new_password": name, "confirm": name},
        "POST /auth/unlock": {"password": PASSWORD},
        "POST /auth/act-for": {"org_unit_code": home["unit_code"], "reason": "x"},
        "POST /roles": {"code": f"r{uuid.uuid4().hex}", "name_zh": name, "name_en": name, "permissions": ["orders.site.read"]},
        "PATCH /roles/{role_id}": {"name_en": name},
        "POST /org-units/{org_unit_id}/move": {"parent_code": home["branch_code"]},
        "POST /users": {"username": name, "name": name, "org_unit_code": home["unit_code"], "roles": ["agent"],
                        "password": PASSWORD},
        "PATCH /users/{user_id}": {"name": name},
        "POST /users/{user_id}/reset-password": {"admin_password": PASSWORD},
        "POST /parties": {"kind": "supplier", "name": name, "org_unit_code": home["unit_code"], "contract_ends_on": "2099-12-31"},
        "PATCH /parties/{party_id}": {"name": name},
        "POST /org-units": {"code": name, "name": name, "kind": "site", "parent_code": home["branch_code"]},
        "PATCH /org-units/{org_unit_id}": {"name": name},
        "POST /auth/client-token": {"grant_type": "client_credentials", "client_id": name, "client_secret": "wrong"},
        "POST /partners": {"name": name, "org_unit_code": home["unit_code"], "scopes": ["orders.site.read"],
                           "expires_at": "2099-01-01T00:00:00Z"},
        "PATCH /partners/{partner_id}": {"name": name},
        "POST /partners/{partner_id}/revoke-key": {"key_id": UNKNOWN},
        "PUT /parameters/{key}": {"value": 0.13},
        "POST /webhooks": {"name": name, "url": "https://partner.invalid/", "events": ["aftersales.orders.work_order.*"],
                           "org_unit_code": home["unit_code"]},
        "PATCH /webhooks/{webhook_id}": {"name": name},
        "POST /customer-lookups": {"phone": new_phone()},
        "POST /customers": {"name": name, "phone": new_phone()},
        "PATCH /customers/{customer_id}": {"name": name},
        "POST /consents": {"customer_id": world.shared["customer"], "kind": "marketing", "given": True, "stated_on": "2026-01-01",
                           "channel": "paper"},
        "POST /disclosures": {"customer_id": world.shared["customer"], "basis": "law", "recipient": name, "purpose": "x",
                              "data": ["contact"]},
        "POST /customers/{customer_id}/export": {"purpose": "x"},
        "POST /customers/{customer_id}/erase": {"reason": "x"},
        "POST /devices": {"product_id": world.shared["product"], "serial_number": name},
        "PATCH /devices/{device_id}": {"purchased_on": "2025-01-02"},
        "POST /products": {"code": name, "name": name, "brand": "b", "category": "c", "warranty_months": 12},
        "PATCH /products/{product_id}": {"name": name},
        "POST /sites": {"code": name, "name": name, "org_unit_code": home["spare_unit_code"]},
        "PATCH /sites/{site_id}": {"name": name},
        "POST /technicians": {"name": name, "site_id": home["site"]},
        "PATCH /technicians/{technician_id}": {"name": name},
        "POST /work-orders": {"kind": "repair", "channel": "phone", "site_id": home["site"], "problem": "x"},
        "POST /work-orders/history": {"rows": [{"source": name, "external_id": name, "site_id": UNKNOWN, "state": "registered"}]},
        "PATCH /work-orders/{work_order_id}": {"problem": name},
        "POST /work-orders/{work_order_id}/assign": {"technician_id": UNKNOWN},
        "POST /work-orders/{work_order_id}/diagnose": {"symptom": "x", "cause": "x", "finding": "x"},
        "POST /work-orders/{work_order_id}/quote": {"labour": [], "parts": []},
        "POST /work-orders/{work_order_id}/approve": {"approved_by": "x"},
        "POST /work-orders/{work_order_id}/reject": {"reason": "x"},
        "POST /work-orders/{work_order_id}/complete": {"work_done": "x"},
        "POST /work-orders/{work_order_id}/check": {"passed": True},
        "POST /work-orders/{work_order_id}/hand-over": {"received_by": "x"},
        "POST /work-orders/{work_order_id}/cancel": {"reason": "x"},
        "POST /work-orders/{work_order_id}/return-unrepaired": {},
        "POST /work-orders/{work_order_id}/close-uncollected": {"reason": "x"},
        "POST /quick-jobs": {"site_id": home["site"], "technician_id": home["technician"], "problem": "x", "work_done": name,
                             "labour": [], "parts": []},
        "POST /work-orders/{work_order_id}/unaudit": {"reason": "x"},
        "POST /work-orders/{work_order_id}/rebill": {"charged_to": "maker"},
        "POST /work-orders/{work_order_id}/return-parts": {"lines": [{**lines[0], "quality": "good"}]},
        "POST /hand-over-slips": {"work_order_id": home["work_order"], "to_site_id": world.documents["site"]["B"], "given_by": "x"},
        **{f"POST /hand-over-slips/{{slip_id}}/{action}": {"reason": "x"} for action in ("refuse", "take-back", "report-lost", "find")},
        "POST /hand-over-slips/{slip_id}/receive": {"received_by": "x"},
        "POST /hand-over-slips/{slip_id}/send-back": {"given_by": "x"},
        "POST /parts": {"number": name, "name": name, "unit": "pcs", "price": "1.00"},
        "PATCH /parts/{part_id}": {"name": name},
        "POST /warehouses": {"code": name, "name": name, "site_id": home["site"]},
        "PATCH /warehouses/{warehouse_id}": {"name": name},
        "POST /bins": {"warehouse_id": home["warehouse"], "code": name, "name": name},
        "PATCH /bins/{bin_id}": {"name": name},
        "POST /requisitions": {"site_id": home["site"], "lines": lines},
        "PATCH /requisitions/{requisition_id}": {"remark": name},
        "POST /requisitions/{requisition_id}/cancel": {"reason": "x"},
        "POST /requisitions/{requisition_id}/return": {"lines": [{**lines[0], "quality": "good"}]},
        "POST /requisitions/{requisition_id}/reserve": {"lines": []},
        "POST /requisitions/{requisition_id}/reallot": {"to_requisition_id": UNKNOWN, "lines": lines},
        "PATCH /stock-receipts/{receipt_id}": {"lines": [{**lines[0], "unit_cost": "1.00"}]},
        "POST /stock-receipts/{receipt_id}/reverse": {"reason": "x"},
        "POST /stock-receipts": {"warehouse_id": home["warehouse"], "lines": [{**lines[0], "unit_cost": "1.00"}]},
        "POST /labour-rates": {"code": name, "name": name, "hourly_rate": "1.00"},
        "PATCH /labour-rates/{labour_rate_id}": {"name": name},
        "POST /bills/{bill_id}/payments": {"method": "cash", "amount": "1.00"},
        "POST /payments": {"method": "cash", "allocations": [{"open_item_id": home["owed"], "amount": "0.01"}]},
        "POST /payments/{payment_id}/reverse": {"reason": "x"},
        "POST /counterparties": {"kind": "maker", "code": name, "name": name},
        "PATCH /counterparties/{counterparty_id}": {"name": name},
        "POST /accounts": {"code": name, "number": name, "nature": "asset", "name_zh": name},
        "PATCH /accounts/{account_id}": {"name_zh": name},
        "POST /credits/{credit_id}/refunds": {"method": "cash", "amount": "1.00"},
        "POST /revisits/{revisit_id}/record": {"solved": True, "score": 5},
        "POST /follow-ups/{follow_up_id}/close": {"reason": "x"},
    }
    return bodies.get(key, {})
