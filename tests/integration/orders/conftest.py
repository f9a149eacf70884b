"""The orders service on a database of its own, its masters, and what other services tell it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from chassis.domain.aggregate import new_id
from chassis.http import runtime
from chassis.messaging.inbox import Outcome
from services.orders.app import SERVICE
from tests.support.serving import Served, envelope, served

UNKNOWN = "0199e3a0-0000-7000-8000-000000000000"


@dataclass
class Shop:
    """A site of its own with a technician, a product and what the other services announced."""

    served: Served
    branch: str = "N"
    time_zone: str = "Asia/Shanghai"
    code: str = field(default_factory=lambda: f"S{uuid.uuid4().hex[:8].upper()}")

    def __post_init__(self) -> None:
        unit = {
            "code": self.code,
            "name": self.code,
            "kind": "site",
            "path": self.path,
            "parent_path": f"/HQ/{self.branch}/",
        }
        self.tell("gateway.org_unit.created", unit)
        body = {
            "code": self.code,
            "name": f"网点 {self.code}",
            "org_unit_code": self.code,
            "time_zone": self.time_zone,
        }
        self.site = self.ok("POST", "/sites", body)
        self.technician = self.ok("POST", "/technicians", {"name": "李雷", "site_id": self.site["id"]})
        self.product = self.make_product()
        self.rate = f"R{self.code}"
        self.tell(
            "finance.labour_rate.created", {"code": self.rate, "name": "标准工时", "hourly_rate": "100.00"}
        )
        self.parts = [self.part(price) for price in ("25.00", "7.55")]

    @property
    def path(self) -> str:
        return f"/HQ/{self.branch}/{self.code}/"

    # -- calls ------------------------------------------------------------------------------------------------------
    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        answer = self.served.call(method, path, body, **more)
        assert answer.status_code in (200, 201), answer.text
        document: dict[str, Any] = answer.json()
        return document

    def refused(self, answer: httpx.Response, status: int, code: str, **members: Any) -> dict[str, Any]:
        document: dict[str, Any] = answer.json()
        assert (answer.status_code, document["code"]) == (status, code), answer.text
        assert {name: document.get(name) for name in members} == members
        return document

    def tell(self, name: str, data: dict[str, Any], **members: Any) -> str:
        """An event of another service; the id of its subject."""
        members.setdefault("subject", str(new_id()))
        assert self.served.tell(f"aftersales.{name}.v1", data, **members) is Outcome.DONE
        return str(members["subject"])

    # -- masters ----------------------------------------------------------------------------------------------------
    def make_product(self, **changed: Any) -> dict[str, Any]:
        code = f"P{uuid.uuid4().hex[:10]}"
        body = {
            "code": code,
            "name": "净水器",
            "brand": "Clear",
            "category": "Purifier",
            "warranty_months": 12,
        }
        return self.ok("POST", "/products", {**body, **changed})

    def part(self, price: str) -> str:
        number = f"PT{uuid.uuid4().hex[:10]}"
        return self.tell(
            "inventory.part.created", {"number": number, "name": number, "unit": "个", "price": price}
        )

    def customer(self, *phones: str, name: str = "王芳") -> str:
        return self.tell("callcenter.customer.created", {"name": name, "phones": list(phones)})

    def device(self, purchased_on: str | None = None, **more: Any) -> dict[str, Any]:
        bought = {"purchased_on": purchased_on} if purchased_on else {}
        return self.ok("POST", "/devices", {"product_id": self.product["id"], **bought, **more})

    def make_technician(self) -> str:
        return str(self.ok("POST", "/technicians", {"name": "x", "site_id": self.site["id"]})["id"])

    def order(self, **more: Any) -> Job:
        body = {
            "kind": "repair",
            "channel": "counter",
            "site_id": self.site["id"],
            "problem": "does not start",
            **more,
        }
        return Job(self, self.ok("POST", "/work-orders", body))


@dataclass
class Job:
    """A work order and what inventory, finance and customer service report about it."""

    shop: Shop
    document: dict[str, Any]
    sequences: dict[str, int] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.document["id"])

    def attempt(self, action: str, body: Any = None, **more: Any) -> httpx.Response:
        return self.shop.served.call("POST", f"/work-orders/{self.id}/{action}", body or {}, **more)

    def do(self, action: str, body: Any = None, **more: Any) -> Job:
        self.document = self.shop.ok("POST", f"/work-orders/{self.id}/{action}", body, **more)
        return self

    def reload(self) -> dict[str, Any]:
        self.document = self.shop.ok("GET", f"/work-orders/{self.id}")
        return self.document

    @property
    def where(self) -> tuple[str, str | None]:
        """(state, waiting_for) as read again."""
        self.reload()
        return self.document["state"], self.document["waiting_for"]

    # -- what others report -------------------------------------------------------------------------------------------
    def event(
        self, name: str, data: dict[str, Any], subject: str | None = None, sequence: int | None = None
    ) -> dict[str, Any]:
        """The next event of a subject that names this order."""
        key = name.rsplit(".", 1)[0]
        self.subjects.setdefault(key, subject or str(new_id()))
        self.sequences[key] = sequence or self.sequences.get(key, 0) + 1
        data = {"work_order_id": self.id, **data}
        return envelope(
            f"aftersales.{name}.v1",
            data,
            subject=self.subjects[key],
            sequence=self.sequences[key],
            org_path=self.shop.path,
        )

    def tell(self, name: str, data: dict[str, Any], **more: Any) -> Job:
        assert self.shop.served.receive(self.event(name, data, **more)) is Outcome.DONE
        return self

    def requisition(self, issued: bool = False, reserved: bool = True, returned: float = 0) -> dict[str, Any]:
        """What inventory would say of the order's approved quote."""
        version = self.reload()["approved_version"]
        lines = [
            line for line in (self.document["quote"] or {"lines": []})["lines"] if line["kind"] == "part"
        ]
        told = [
            {
                "part_id": line["ref"],
                "needed": line["quantity"],
                "reserved": line["quantity"] if reserved and not issued else 0,
                "issued": line["quantity"] if issued else 0,
                "returned": returned,
            }
            for line in lines
        ]
        flags = {"reserved_all": reserved or issued, "issued_all": issued, "issued_any": issued}
        return {"quote_version": version, **flags, "lines": told, "summary": "需 (needed)"}

    def reserved(self) -> Job:
        return self.tell("inventory.requisition.changed", self.requisition())

    def issued(self) -> Job:
        return self.tell("inventory.requisition.changed", self.requisition(issued=True))

    def store_frees(self, out: tuple[float, ...] = ()) -> Job:
        """Inventory's answer to a cancel: nothing is reserved any more; ``out`` of each part was handed out by then."""
        told = self.requisition()
        gone = dict(zip(self.shop.parts, out, strict=False))
        lines = [{**line, "needed": 0, "reserved": 0, "issued": gone.get(line["part_id"], 0)} for line in told["lines"]]
        facts = {"reserved_all": True, "issued_all": True, "issued_any": bool(out), "cancelled": True, "lines": lines}
        return self.tell("inventory.requisition.changed", {**told, **facts})

    def billed(self, open_amount: str | None = None) -> Job:
        billing = self.reload()["billing"]
        left = billing["customer_total"] if open_amount is None else open_amount
        totals = {name: billing[name] for name in ("customer_total", "maker_total")}
        state = "settled" if left == "0.00" else "open"
        verb = "changed" if "finance.bill" in self.sequences else "issued"
        bill = {
            "number": f"BL{self.document['number']}",
            "round": 1,
            "state": state,
            **totals,
            "open_amount": left,
        }
        return self.tell(f"finance.bill.{verb}", bill)

    def revisited(self) -> Job:
        self.tell("callcenter.revisit.created", {"due_on": "2026-11-25"})
        return self.tell("callcenter.revisit.recorded", {"solved": True, "score": 5, "comment": None})

    # -- stretches ----------------------------------------------------------------------------------------------------
    def start(self) -> Job:
        return self.do("assign", {"technician_id": self.shop.technician["id"]}).do("start", {})

    def diagnose(self, **more: Any) -> Job:
        return self.do(
            "diagnose", {"symptom": "no power", "cause": "worn brush", "finding": "replace", **more}
        )

    def quote(self, hours: float = 1.5, quantities: tuple[float, ...] = (1, 2)) -> Job:
        labour = [{"rate_code": self.shop.rate, "hours": hours}] if hours else []
        parts = [
            {"part_id": part, "quantity": q}
            for part, q in zip(self.shop.parts, quantities, strict=False)
            if q
        ]
        return self.do("quote", {"labour": labour, "parts": parts})

    def to_approved(self) -> Job:
        self.start().diagnose().quote()
        if self.document["waiting_for"] == "approval":
            self.do("approve", {"approved_by": "王芳"})
        return self.reserved()

    def to_ready(self) -> Job:
        return (
            self.to_approved()
            .do("complete", {"work_done": "replaced"})
            .issued()
            .do("check", {"passed": True})
        )


@pytest.fixture(scope="package")
def api(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(SERVICE, database_server, tmp_path_factory.mktemp("orders")) as running:
        yield running


@pytest.fixture(scope="module")
def shop(api: Served) -> Shop:
    return Shop(api)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates that wait for other services' facts give up early; ``patience`` gives them their real time back."""
    monkeypatch.setattr(runtime, "WAIT_SECONDS", 0.1)


@pytest.fixture
def patience(short_patience: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "WAIT_SECONDS", 3.0)
