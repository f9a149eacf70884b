"""What the matrix is played on: documents of every kind at three sites, and callers of every role at three heights."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil

from deploy.local.folder import DataFolder
from tests.support import files
from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import PASSWORD, ROLES, Company
from tests.support.contracts import operations
from tests.support.suites import RunningSuite

SITES = ("A", "B", "C")
"""A and B lie in the north branch, C in the south."""
TWO_SITES = {"held_order": "work_order", "slip": "slip"}
"""Kinds of documents that two sites see: orders whose device another site has or shall receive, in the lists of the kind they are;
hand-over slips. Of A between A and B, of B and C between B and C."""
SEEN_BY = {"A": {"A", "B"}, "B": {"B", "C"}, "C": {"B", "C"}}
PLACES = {"site": {"A"}, "branch": {"A", "B"}, "hq": {"A", "B", "C"}}
"""Where callers stand, and whose documents they see from there: site A, branch north, headquarters."""
EVERY_ROLE = (*ROLES, "admin")
OUTSIDE = ("customer", "dealer", "supplier")
"""Kinds of outside accounts (G-10), all of them looked after by headquarters: their scope hides nothing."""
UNKNOWN = str(uuid.uuid4())
SCOPES = sorted({o.permission for o in operations() if "." in (o.permission or "") and not str(o.permission).startswith("gateway.")})  # type: ignore[type-var]
"""What the partners of the sites may: everything the services have."""


@dataclass(frozen=True)
class Caller:
    role: str
    place: str
    username: str
    token: str

    @property
    def sees(self) -> set[str]:
        return PLACES[self.place]

    def sees_one(self, kind: str, site: str) -> bool:
        """A document of this kind and site, its own or one that lies between two."""
        return bool(self.sees & (SEEN_BY[site] if kind in TWO_SITES else {site}))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Outsider:
    """Somebody of a party. ``reference``: the id its rows carry. ``own``: by kind, the one document of its party."""

    kind: str
    reference: str
    token: str
    own: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class World:
    """``documents[kind][site]`` is the id (or code) of a document of that site; ``shared[kind]`` of a company-wide one."""

    def __init__(self, suite: RunningSuite) -> None:
        self.suite, self.admin = suite, suite.client()
        self.company = company = Company(self.admin)
        with ThreadPoolExecutor(len(SITES)) as pool:
            cases = list(pool.map(self._case, company.sites))
            short = list(pool.map(self._short, company.sites))
        self.cases = dict(zip(SITES, cases, strict=True))
        self.partners: dict[str, dict[str, Any]] = {}
        self.documents = self._documents(cases, short)
        self.callers = [self._caller(role, place) for place in PLACES for role in EVERY_ROLE]
        self.outsiders = {kind: self._outsider(kind) for kind in OUTSIDE}
        self.shared = {
            "customer": cases[0].customer["id"], "device": cases[0].device["id"], "site": company.sites[2].id, "product": company.product["id"],
            "device_attachment": self._file(f"/devices/{cases[0].device['id']}"),
            "role": self._role(), "counterparty": self.admin.created("/counterparties", {"kind": "maker", "code": "M1", "name": "maker"})["id"],
            "account": self.admin.created("/accounts", {"code": "own", "number": "1002.9", "nature": "asset", "name_zh": "own", "method": "bank"})["id"], "part": company.parts[0]["id"], "labour_rate": company.rate["id"], "parameter": "tax.rate",
            "numbers_of_orders": "work_order", "numbers_of_stock": "stock_receipt", "numbers_of_finance": "bill",
        }

    # -- callers -----------------------------------------------------------------------------------------------
    def _caller(self, role: str, place: str) -> Caller:
        unit = {"site": self.company.sites[0], "branch": self.company.north, "hq": self.company.hq}[place]
        username = f"matrix-{role}-{place}-{self.company.mark}".lower()
        self.company.user(username, unit.code, [role])
        return Caller(role, place, username, str(self.fresh(username)["access_token"]))

    def _outsider(self, kind: str) -> Outsider:
        """The customer of site A's case; a dealer with an order at site A; a supplier."""
        case, own = self.cases["A"], {}
        more = {"customer_id": case.customer["id"]} if kind == "customer" else {}
        party = self.company.party(kind, **more)
        if kind == "customer":
            own = {"work_order": case.id, "bill": case.bill["id"], "device": case.device["id"]}
        if kind == "dealer":
            body = {"kind": "repair", "channel": "phone", "site_id": case.site.id, "problem": "x", "dealer_id": party["id"]}
            own = {"work_order": str(self.admin.created("/work-orders", body)["id"])}
        client = self.company.outsider(party)
        return Outsider(kind, party["customer_id"] or party["id"], str(client.sign_in()["access_token"]), own)

    def fresh(self, username: str) -> dict[str, Any]:
        """Tokens of a new session."""
        return Client(self.suite.base, username, PASSWORD).sign_in()

    # -- documents ---------------------------------------------------------------------------------------------
    def _case(self, site: Any) -> Case:
        self.company.receive(site, [(part["id"], 50) for part in self.company.parts])
        return Case(self.company, site, patience=20).walk("1.00", "213.81")

    def _short(self, site: Any) -> Case:
        """A case that waits for parts nobody has."""
        case = Case(self.company, site, patience=20, quantities=[(self.company.parts[0], 5000)])
        return case.to_quoted().approve()

    def _documents(self, cases: list[Case], short: list[Case]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}

        def keep(kind: str, site: str, value: str) -> None:
            found.setdefault(kind, {})[site] = value

        for letter, site, case, waiting in zip(SITES, self.company.sites, cases, short, strict=True):
            order = {"work_order_id": case.id}
            spare = self.admin.created("/org-units", {
                "code": f"SP{letter}-{self.company.mark}", "name": "spare", "kind": "site",
                "parent_code": site.path.split("/")[-3]})
            keep("work_order", letter, case.id)
            eventually(lambda s=site: s.clients["technician"].get("/customers")["items"], "customer of the site")  # type: ignore[misc]
            about = {"customer_id": case.customer["id"]}
            keep("customer", letter, case.customer["id"])
            keep("consent", letter, self.admin.created("/consents", {
                **about, "kind": "marketing", "given": True, "stated_on": "2026-01-01", "channel": "paper"})["id"])
            keep("disclosure", letter, self.admin.created("/disclosures", {
                **about, "basis": "law", "recipient": "an authority", "purpose": "asked for", "data": ["contact"]})["id"])
            keep("quick_job", letter, Case(self.company, site, patience=20, quantities=()).quick_job().id)
            keep("bill", letter, case.bill["id"])
            keep("site", letter, site.id)
            keep("warehouse", letter, site.good["id"])
            keep("technician", letter, site.technician["id"])
            keep("unit_code", letter, site.code)
            keep("spare_unit_code", letter, spare["code"])
            keep("branch_code", letter, site.path.split("/")[-3])
            keep("payment", letter, self._first("/payments", bill_id=case.bill["id"]))
            keep("open_item", letter, self._first("/open-items", document_id=case.bill["id"]))
            unpaid = Case(self.company, site, patience=20, quantities=()).to_ready()
            keep("owed", letter, self._first("/open-items", document_id=unpaid.billed()["id"]))
            credit, refund = self._taken_back(site)
            keep("reversal", letter, self._first("/reversals", work_order_id=credit["work_order_id"]))
            keep("credit", letter, credit["id"])
            keep("refund", letter, refund["id"])
            keep("ledger_entry", letter, self._first("/ledger-entries", **order))
            keep("revisit", letter, self._first("/revisits", **order))
            keep("follow_up", letter, self._not_solved(site))
            keep("requisition", letter, self._first("/requisitions", **order))
            keep("movement", letter, self._first("/stock-movements", **order))
            slip = self._slip(letter)
            keep("held_order", letter, slip["work_order_id"])
            keep("slip", letter, slip["id"])
            keep("receipt", letter, self._first("/stock-receipts", warehouse_id=site.good["id"]))
            keep("serial", letter, self._serial(site))
            keep("bin", letter, self.admin.created("/bins", {"warehouse_id": site.good["id"], "code": "A1", "name": "x"})["id"])
            keep("org_unit", letter, self._first("/org-units", code=site.code))
            keep("device_of_unit", letter, self._device(site))
            keep("attachment", letter, self._file(f"/work-orders/{case.id}"))
            self.partners[letter] = self.partner(site.code, SCOPES)
            keep("partner", letter, self.partners[letter]["id"])
            webhook, delivery = self._webhook(site)
            keep("webhook", letter, webhook)
            keep("webhook_delivery", letter, delivery)
            keep("party", letter, self.company.party("supplier", unit=site.code)["id"])
            keep("user", letter, self._first("/users", username=f"technician-{site.code}"))
            eventually(lambda w=waiting: self.admin.get("/shortages", work_order_id=w.id)["items"], "shortage")  # type: ignore[misc]
            keep("short_requisition", letter, self._first("/requisitions", work_order_id=waiting.id))
        return found

    def _slip(self, letter: str) -> dict[str, Any]:
        """A device of A that B has, one of B on the road to C, one of C that B has."""
        sites = dict(zip(SITES, self.company.sites, strict=True))
        [other] = SEEN_BY[letter] - {letter}
        order = Case(self.company, sites[letter], quantities=()).register().order
        sent = {"work_order_id": order["id"], "to_site_id": sites[other].id, "given_by": "x"}
        slip = self.admin.created("/hand-over-slips", sent)
        if letter != "B":
            received = self.admin.call("POST", f"/hand-over-slips/{slip['id']}/receive", {"received_by": "x"})
            assert received.ok, received.raw
        return slip

    def _serial(self, site: Any) -> str:
        """A piece with a serial number in the site's store."""
        body = {"number": f"SN-{site.code}", "name": "x", "unit": "pcs", "price": "1.00", "serial_tracked": True}
        line = {"part_id": self.admin.created("/parts", body)["id"], "quantity": 1, "unit_cost": "1.00", "serial_numbers": [site.code]}
        self.admin.created("/stock-receipts", {"warehouse_id": site.good["id"], "lines": [line]})
        return self._first("/serials", part_id=line["part_id"])

    def _not_solved(self, site: Any) -> str:
        """The follow-up of an order whose customer says at the revisit that it is not solved."""
        case = Case(self.company, site, quantities=()).to_ready().pay().hand_over().revisit(solved=False)
        return self._first("/follow-ups", work_order_id=case.id)

    def partner(self, unit: str, scopes: list[str]) -> dict[str, Any]:
        """A partner's system with its first token (``token``), so that it stands in its call log."""
        body = {"name": f"partner of {unit}", "org_unit_code": unit, "scopes": scopes, "expires_at": "2099-01-01T00:00:00Z"}
        made = self.admin.created("/partners", body)
        grant = {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": made["client_secret"]}
        answer = Client(self.suite.base).call("POST", "/auth/client-token", grant)
        assert answer.ok, answer.raw
        return {**made, "token": answer.json["access_token"]}

    def _taken_back(self, site: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Credit of an order that was un-audited, and a refund from it."""
        case = Case(self.company, site, patience=20, quantities=[]).walk()
        self.admin.call("POST", f"/work-orders/{case.id}/unaudit", {"reason": "x"})
        [credit] = eventually(lambda: self.admin.get("/credits", work_order_id=case.id)["items"], "credit")
        body = {"method": "cash", "amount": "1.00"}
        return credit, self.admin.created(f"/credits/{credit['id']}/refunds", body)

    def _device(self, site: Any) -> str:
        """A sign-in device that waits for approval at the site's unit."""
        unit, username = self._first("/org-units", code=site.code), f"matrix-device-{site.code}".lower()
        self.company.user(username, site.code, ["agent"])
        for on in (True, False):
            assert self.admin.call("PATCH", f"/org-units/{unit}", {"devices_checked": on}).ok
            if on:
                body = {"grant_type": "password", "username": username, "password": PASSWORD, "device_key": uuid.uuid4().hex}
                refused = Client(self.suite.base).call("POST", "/auth/token", body)
                assert refused.code == "device_not_allowed", refused.raw
        devices = self.admin.get("/sign-in-devices", limit=200)["items"]
        return next(str(device["id"]) for device in devices if device["org_path"] == site.path)

    def _file(self, document: str) -> str:
        raw, headers = files.form("x.png", files.png(padding=300_000))
        answer = self.admin.call("POST", f"{document}/attachments", raw=raw, headers=headers)
        assert answer.status == 201, answer.raw
        return str(answer.json["id"])
    def _webhook(self, site: Any) -> tuple[str, str]:
        """A webhook of the site's unit, to a name that nobody has, and a test of it that waits."""
        body = {"name": "matrix", "url": "https://partner.invalid/hook", "events": ["aftersales.orders.work_order.*"],
                "org_unit_code": site.code}
        webhook = str(self.admin.created("/webhooks", body)["id"])
        sent = self.admin.call("POST", f"/webhooks/{webhook}/ping", {})
        assert sent.ok, sent.raw
        return webhook, str(sent.json["id"])

    def _role(self) -> str:
        body = {"code": f"r{uuid.uuid4().hex}", "name_zh": "角色", "name_en": "role", "permissions": ["orders.site.read"]}
        return str(self.admin.created("/roles", body)["id"])

    def _first(self, path: str, **query: Any) -> str:
        items: list[dict[str, Any]] = self.admin.get(path, **query)["items"]
        assert items, f"{path} {query}: nothing there"
        return str(items[0]["id"])

    # -- the processes behind the gateway ------------------------------------------------------------------------
    def upstream(self, service: str) -> str:
        """Base URL of a service itself, as somebody inside the machine would find it."""
        pid = DataFolder(self.suite.data).state["processes"][f"{service}.http"]["pid"]
        ports = {found.laddr.port for found in psutil.Process(pid).net_connections("tcp") if found.status == "LISTEN"}
        assert len(ports) == 1, f"{service} listens on {ports}"
        return f"http://127.0.0.1:{ports.pop()}"
