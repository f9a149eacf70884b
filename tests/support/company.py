"""A company to tell stories in: two branches, three sites, one user per role and site, stock, prices. Every name carries
a mark of its own, so several companies live in one suite and tests do not see each other's."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from tests.support import contracts
from tests.support.client import Client

PASSWORD = "rather-long-story-2026"
ROLES = ("agent", "dispatcher", "technician", "storekeeper", "cashier", "manager")
PRICES = ("25.00", "7.55")  # the parts of the worked example
RATE = "100.00"


@dataclass
class Unit:
    """An org unit and the people in it."""

    company: Company
    code: str
    path: str
    clients: dict[str, Client] = field(default_factory=dict)
    making: threading.Lock = field(default_factory=threading.Lock)

    def as_(self, role: str) -> Client:
        """The user of this unit who has just this role, made on first use."""
        with self.making:
            if role not in self.clients:
                username = f"{role}-{self.code}".lower()
                self.company.user(username, self.code, [role])
                self.clients[role] = self.company.client(username)
            return self.clients[role]


@dataclass
class Site(Unit):
    id: str = ""
    technician: dict[str, Any] = field(default_factory=dict)
    good: dict[str, Any] = field(default_factory=dict)
    bad: dict[str, Any] = field(default_factory=dict)


class Company:
    def __init__(self, admin: Client, sites: int = 3) -> None:
        self.admin = admin
        self.mark = uuid.uuid4().hex[:8].upper()
        self.hq = Unit(self, "HQ", "/HQ/", {"admin": admin})
        self.north = self._branch("N")
        self.south = self._branch("S")
        self.rate = admin.created("/labour-rates", {"code": f"LAB-{self.mark}", "name": "工时", "hourly_rate": RATE})
        self.product = self.make_product(months=12)
        self.parts = [self.part(price) for price in PRICES]
        parents = [self.north, self.north, self.south]
        self.sites = [self._site(letter, parent) for letter, parent in list(zip("ABC", parents, strict=True))[:sites]]

    # -- organisation ------------------------------------------------------------------------------------------
    def _branch(self, letter: str) -> Unit:
        code = f"{letter}-{self.mark}"
        unit = self.admin.created("/org-units", {"code": code, "name": f"Branch {code}", "kind": "branch", "parent_code": "HQ"})
        return Unit(self, code, unit["path"])

    def _site(self, letter: str, parent: Unit) -> Site:
        code = f"{letter}-{self.mark}"
        unit = self.admin.created(
            "/org-units", {"code": code, "name": f"网点 {code}", "kind": "site", "parent_code": parent.code}
        )
        site = Site(self, code, unit["path"])
        document = self.admin.created("/sites", {"code": code, "name": f"网点 {code}", "org_unit_code": code})
        site.id = document["id"]
        username = f"technician-{code}".lower()
        self.user(username, code, ["technician"])
        site.clients["technician"] = self.client(username)
        site.technician = self.admin.created(
            "/technicians", {"name": f"Technician {code}", "site_id": site.id, "username": username}
        )
        for quality in ("good", "bad"):
            body = {"code": f"{quality}-{code}", "name": quality, "site_id": site.id, "quality": quality}
            setattr(site, quality, self.admin.created("/warehouses", body))
        return site

    def user(self, username: str, unit: str, roles: list[str]) -> dict[str, Any]:
        body = {"username": username, "name": username, "org_unit_code": unit, "roles": roles, "password": PASSWORD}
        return self.admin.created("/users", body)

    # -- outside accounts (G-10) ---------------------------------------------------------------------------------
    def party(self, kind: str, unit: str = "HQ", ends_on: str = "2099-12-31", **more: Any) -> dict[str, Any]:
        body = {"kind": kind, "name": f"{kind} of {self.mark}", "org_unit_code": unit, "contract_ends_on": ends_on, **more}
        return self.admin.created("/parties", body)

    def outsider(self, party: dict[str, Any], unit: str = "HQ") -> Client:
        """Somebody of the party, with the role that ships for its kind, signed in with every answer checked."""
        username = f"{party['kind']}-{uuid.uuid4().hex[:12]}"
        body = {"username": username, "name": username, "org_unit_code": unit, "roles": [party["kind"]], "password": PASSWORD,
                "party_id": party["id"]}
        self.admin.created("/users", body)
        return Client(self.admin.base, username, PASSWORD, check=contracts.check_outside, patience=self.admin.patience)

    def client(self, username: str, password: str = PASSWORD) -> Client:
        return Client(self.admin.base, username, password, check=self.admin.check, patience=self.admin.patience)

    # -- things ------------------------------------------------------------------------------------------------
    def make_product(self, months: int = 12) -> dict[str, Any]:
        code = f"P-{uuid.uuid4().hex[:12]}"
        body = {"code": code, "name": f"Saw {code}", "brand": "Falke", "category": f"saw-{self.mark}", "warranty_months": months}
        return self.admin.created("/products", body)

    def part(self, price: str = "25.00") -> dict[str, Any]:
        number = f"PT-{uuid.uuid4().hex[:12]}"
        return self.admin.created("/parts", {"number": number, "name": f"Bearing {number}", "unit": "pcs", "price": price})

    def customer(self, phone: str | None = None, by: Client | None = None) -> dict[str, Any]:
        """Taken in ``by`` somebody of a site, else entered by headquarters."""
        body = {"name": f"Customer {uuid.uuid4().hex[:8]}", "phone": phone or new_phone()}
        return (by or self.admin).created("/customers", body)

    def device(self, customer_id: str | None, purchased_on: date | None, product_id: str | None = None) -> dict[str, Any]:
        body = {
            "customer_id": customer_id,
            "product_id": product_id or self.product["id"],
            "serial_number": f"SN{uuid.uuid4().hex[:14].upper()}",
            "purchased_on": purchased_on and purchased_on.isoformat(),
        }
        return self.admin.created("/devices", {name: value for name, value in body.items() if value is not None})

    def receive(self, site: Site, lines: Iterable[tuple[str, float]], by: Client | None = None) -> dict[str, Any]:
        """A stock receipt of (part id, quantity) into the good warehouse of the site."""
        rows = [{"part_id": part, "quantity": quantity, "unit_cost": "5.00"} for part, quantity in lines]
        return (by or self.admin).created("/stock-receipts", {"warehouse_id": site.good["id"], "lines": rows})

    def stock(self, part_id: str, warehouse_id: str) -> tuple[float, float, float]:
        """(on hand, reserved, available) of one part in one warehouse."""
        items = self.admin.get("/stock", part_id=part_id, warehouse_id=warehouse_id)["items"]
        assert len(items) <= 1, items
        if not items:
            return (0, 0, 0)
        return (items[0]["on_hand"], items[0]["reserved"], items[0]["available"])

    @cached_property
    def out_of_warranty_since(self) -> date:
        return date.today() - timedelta(days=3 * 365)

    @cached_property
    def in_warranty_since(self) -> date:
        return date.today() - timedelta(days=30)


def new_phone() -> str:
    """A Chinese mobile number nobody else has."""
    return f"139{uuid.uuid4().int % 10**8:08d}"
