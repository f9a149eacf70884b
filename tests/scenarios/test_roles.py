"""Each role may what its line in the interface says, and nothing of the others."""

import pytest

from tests.support.case import Case
from tests.support.client import Client
from tests.support.company import ROLES, Company, Site, new_phone

UNKNOWN = "0199e3a1-6f00-7c3e-9a51-2f3b8d0c4e11"

# call → roles that have the right. Bodies are valid, ids unknown where a right is all that is asked for.
RIGHTS: dict[tuple[str, str], set[str]] = {
    ("POST", "/customers"): {"agent", "manager"},
    ("POST", "/devices"): {"agent", "manager"},
    ("POST", "/work-orders"): {"agent", "manager"},
    ("POST", "/work-orders/{id}/cancel"): {"agent", "manager"},
    ("POST", "/work-orders/{id}/approve"): {"agent", "manager"},
    ("POST", "/work-orders/{id}/reject"): {"agent", "manager"},
    ("POST", "/revisits/{id}/record"): {"agent", "manager"},
    ("POST", "/work-orders/{id}/assign"): {"dispatcher", "manager"},
    ("POST", "/work-orders/{id}/start"): {"technician", "manager"},
    ("POST", "/work-orders/{id}/diagnose"): {"technician", "manager"},
    ("POST", "/work-orders/{id}/quote"): {"technician", "manager"},
    ("POST", "/work-orders/{id}/complete"): {"technician", "manager"},
    ("POST", "/parts"): {"storekeeper", "manager"},
    ("POST", "/warehouses"): {"storekeeper", "manager"},
    ("POST", "/stock-receipts"): {"storekeeper", "manager"},
    ("POST", "/requisitions/{id}/issue"): {"storekeeper", "manager"},
    ("POST", "/work-orders/{id}/return-parts"): {"storekeeper", "manager"},
    ("POST", "/bills/{id}/payments"): {"cashier", "manager"},
    ("POST", "/work-orders/{id}/hand-over"): {"cashier", "manager"},
    ("POST", "/work-orders/{id}/check"): {"manager"},
    ("POST", "/work-orders/{id}/audit"): {"manager"},
    ("POST", "/sites"): {"manager"},
    ("POST", "/technicians"): {"manager"},
    ("POST", "/products"): set(),
    ("POST", "/labour-rates"): set(),
    ("POST", "/org-units"): set(),
    ("POST", "/users"): set(),
    ("PUT", "/parameters/tax.rate"): set(),
    ("POST", "/work-orders/history"): set(),
    ("GET", "/work-orders"): set(ROLES),
    ("GET", "/customers"): set(ROLES),
    ("GET", "/devices"): set(ROLES),
    ("GET", "/stock"): set(ROLES),
}


def body(path: str, company: Company, site: Site) -> dict[str, object]:
    """A body that is valid by the contract, so that the right alone decides."""
    lines = [{"part_id": UNKNOWN, "quantity": 1}]
    bodies: dict[str, dict[str, object]] = {
        "/customers": {"name": "x", "phone": new_phone()},
        "/devices": {"product_id": company.product["id"]},
        "/work-orders": {"kind": "repair", "channel": "phone", "site_id": site.id, "problem": "x"},
        "/work-orders/{id}/cancel": {"reason": "x"},
        "/work-orders/{id}/approve": {"approved_by": "x"},
        "/work-orders/{id}/reject": {"reason": "x"},
        "/work-orders/{id}/assign": {"technician_id": UNKNOWN},
        "/work-orders/{id}/diagnose": {"symptom": "x", "cause": "x", "finding": "x"},
        "/work-orders/{id}/quote": {"labour": [], "parts": []},
        "/work-orders/{id}/complete": {"work_done": "x"},
        "/work-orders/{id}/check": {"passed": True},
        "/work-orders/{id}/hand-over": {"received_by": "x"},
        "/work-orders/{id}/return-parts": {"lines": [{**lines[0], "quality": "good"}]},
        "/revisits/{id}/record": {"solved": True, "score": 5},
        "/parts": {"number": "x", "name": "x", "unit": "x", "price": "not money"},
        "/warehouses": {"code": "x", "name": "x", "site_id": "not an id"},
        "/stock-receipts": {"warehouse_id": "not an id", "lines": []},
        "/bills/{id}/payments": {"method": "cash", "amount": "1.00"},
        "/sites": {"code": "x", "name": "x"},
        "/technicians": {"name": "x"},
        "/parameters/tax.rate": {"value": "no rate"},
    }
    return bodies.get(path, {})


@pytest.mark.parametrize("role", ROLES)
def test_rights(company: Company, role: str):
    site = company.sites[0]
    client, wrong = site.as_(role), []
    for (method, path), roles in RIGHTS.items():
        answer = client.call(method, path.replace("{id}", UNKNOWN), None if method == "GET" else body(path, company, site))
        forbidden = answer.status == 403
        if forbidden != (role not in roles):
            wrong.append(f"{method} {path}: {answer.status} {answer.code}")
        if forbidden:
            assert answer.code == "forbidden"
    assert not wrong, f"{role}: {wrong}"


def test_permissions_of_me_are_what_the_contracts_name(company: Company):
    from tests.support.contracts import operations

    known = {right for row in operations() for right in row.rights}
    for role in ROLES:
        me = company.sites[0].as_(role).get("/me")
        assert me["roles"] == [role]
        assert me["org_path"] == company.sites[0].path
        assert set(me["permissions"]) <= known, set(me["permissions"]) - known


def test_allowed_actions_follow_state_and_right(company: Company):
    case = Case(company).register()
    offers = {
        "agent": {"cancel"}, "dispatcher": {"assign"}, "technician": {"start"}, "storekeeper": set(), "cashier": set(),
        "manager": {"assign", "start", "cancel"},
    }
    for role, actions in offers.items():
        assert set(case.site.as_(role).get(f"/work-orders/{case.id}")["allowed_actions"]) == actions, role
    case.assign().start().diagnose().quote()
    assert {"approve", "reject", "cancel"} == set(case.site.as_("agent").get(f"/work-orders/{case.id}")["allowed_actions"])


def test_a_disabled_user_is_out_at_once(company: Company, admin: Client):
    username = f"leaver-{company.mark}".lower()
    user = company.user(username, company.sites[0].code, ["agent"])
    client = company.client(username)
    assert client.get("/me")["username"] == username
    changed = admin.call("PATCH", f"/users/{user['id']}", {"active": False})
    assert changed.status == 200, changed.raw
    stranger = Client(client.base, token=client.token)
    stranger.refused("GET", "/me", status=401, code="unauthenticated")


def test_a_random_password_must_be_changed(company: Company, admin: Client):
    username = f"fresh-{company.mark}".lower()
    made = admin.created("/users", {"username": username, "name": "x", "org_unit_code": "HQ", "roles": ["manager"]})
    assert made["password"] and made["must_change_password"] is True
    assert "password" not in admin.get(f"/users/{made['id']}"), "returned once"
    fresh = company.client(username, made["password"])
    answer = fresh.call("GET", "/work-orders")
    assert answer.status == 403, answer.raw
    changed = fresh.call("POST", "/auth/password", {"old_password": made["password"], "new_password": "quite-another-1",
                                                    "confirm": "quite-another-1"})
    assert changed.status == 200, changed.raw
    assert company.client(username, "quite-another-1").call("GET", "/work-orders").status == 200
