"""The main case, step by step in the words of the interface. Each step is one call by a user of the right role, under an
idempotency key of its own, so a step that is repeated after a lost answer is still done once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.support.client import Answer, Client, eventually
from tests.support.company import Company, Site

OF_THE_HOLDER = {"assign", "start", "diagnose", "quote", "complete", "check", "return-parts"}
"""Actions of the site that has the device (O-101); all others are the order's own site's."""
GATES = {"bill_open", "parts_not_issued", "parts_not_returned", "unknown_reference"}
TAX = Decimal("0.13")


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Line:
    """One line of the bill that a quote must lead to, computed here and not read from the suite."""

    kind: str
    quantity: Decimal
    price: Decimal

    @property
    def net(self) -> Decimal:
        return cents(self.quantity * self.price)

    @property
    def tax(self) -> Decimal:
        return cents(self.net * TAX)

    @property
    def total(self) -> Decimal:
        return self.net + self.tax


class Case:
    """``quantities``: (part document, quantity) of the quote; default is the worked example. ``patience``: seconds in
    which a gate that waits for another service is asked again (0: its own 3 s must do)."""

    def __init__(
        self,
        company: Company,
        site: Site | None = None,
        *,
        in_warranty: bool = False,
        hours: float = 1.5,
        quantities: Iterable[tuple[dict[str, Any], float]] | None = None,
        patience: float = 0.0,
    ) -> None:
        self.company, self.site = company, site or company.sites[0]
        self._elsewhere: Site | None = None
        self._store: Site | None = None
        self.slip: dict[str, Any] = {}
        self.in_warranty, self.hours, self.patience = in_warranty, hours, patience
        if quantities is None:
            quantities = zip(company.parts, (1, 2), strict=True)
        self.quantities = list(quantities)
        self.key = uuid.uuid4().hex
        self.steps, self.began = 0, time.monotonic()
        self.seconds = 0.0
        self.order: dict[str, Any] = {}
        self.bill: dict[str, Any] = {}
        self.customer: dict[str, Any] = {}
        self.device: dict[str, Any] = {}

    # -- what must come out -------------------------------------------------------------------------------------
    @property
    def lines(self) -> list[Line]:
        labour = [Line("labour", Decimal(str(self.hours)), Decimal(self.company.rate["hourly_rate"]))] if self.hours else []
        return labour + [Line("part", Decimal(str(q)), Decimal(part["price"])) for part, q in self.quantities if q]

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal("0.00"))

    # -- one call -----------------------------------------------------------------------------------------------
    def send(self, by: Client, path: str, body: Any, expected: int = 200) -> dict[str, Any]:
        """POST under this step's key; a gate's refusal is asked again while ``patience`` lasts."""
        self.steps += 1
        key, deadline = f"{self.key}-{self.steps}", time.monotonic() + self.patience
        while True:
            answer = by.call("POST", path, body, key=key)
            if not _waits(path, answer) or time.monotonic() > deadline:
                break
        assert answer.status == expected, f"POST {path}: {answer.status} {answer.raw.decode()[:1500]}"
        document: dict[str, Any] = answer.json
        return document

    def act(self, role: str, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        self.order = self.send(self._by(action).as_(role), f"/work-orders/{self.id}/{action}", body or {})
        return self.order

    @property
    def at(self) -> Site:
        """Who has the device."""
        return self._elsewhere or self.site

    @property
    def store(self) -> Site:
        """Whose parts were built in."""
        return self._store or self.site

    def _by(self, action: str) -> Site:
        """The site whose action it is."""
        return self.at if action in OF_THE_HOLDER else self.site

    def attempt(self, role: str, action: str, body: dict[str, Any] | None = None, **options: Any) -> Answer:
        """The same, whatever the outcome, without key."""
        return self._by(action).as_(role).call("POST", f"/work-orders/{self.id}/{action}", body or {}, **options)

    @property
    def id(self) -> str:
        return str(self.order["id"])

    def reload(self) -> dict[str, Any]:
        self.order = self.site.as_("manager").get(f"/work-orders/{self.id}")
        return self.order

    def wait_for(self, state: str, waiting_for: str | None, within: float = 15.0) -> dict[str, Any]:
        def there() -> bool:
            order = self.reload()
            return (order["state"], order["waiting_for"]) == (state, waiting_for)

        eventually(there, f"order {self.order.get('number')} {state}/{waiting_for}", max(within, self.patience))
        return self.order

    # -- the steps ----------------------------------------------------------------------------------------------
    def register(self, **fields: Any) -> Case:
        agent = self.site.as_("agent")
        since = self.company.in_warranty_since if self.in_warranty else self.company.out_of_warranty_since
        self.customer = self.send(agent, "/customers", {"name": "李明", "phone": _phone(self.key)}, 201)
        device = {"customer_id": self.customer["id"], "product_id": self.company.product["id"],
                  "serial_number": self.key[:20], "purchased_on": since.isoformat()}
        self.device = self.send(agent, "/devices", device, 201)
        body = {"kind": "repair", "channel": "counter", "site_id": self.site.id, "problem": "does not start",
                "customer_id": self.customer["id"], "device_id": self.device["id"], **fields}
        self.order = self.send(agent, "/work-orders", body, 201)
        return self

    def assign(self) -> Case:
        self.act("dispatcher", "assign", {"technician_id": self.at.technician["id"]})
        return self

    def start(self) -> Case:
        self.act("technician", "start")
        return self

    def diagnose(self, **fields: Any) -> Case:
        self.act("technician", "diagnose", {"symptom": "no power", "cause": "worn brush", "finding": "replace", **fields})
        return self

    def quote(self) -> Case:
        labour = [{"rate_code": self.company.rate["code"], "hours": self.hours}] if self.hours else []
        parts = [{"part_id": part["id"], "quantity": quantity} for part, quantity in self.quantities]
        self.act("technician", "quote", {"labour": labour, "parts": parts})
        return self

    def approve(self) -> Case:
        if self.order["waiting_for"] == "approval":
            self.act("agent", "approve", {"approved_by": "李明"})
        return self

    def complete(self) -> Case:
        self.act("technician", "complete", {"work_done": "brush replaced"})
        self._store = self.at
        return self

    def check(self, passed: bool = True, **fields: Any) -> Case:
        self.act("manager", "check", {"passed": passed, **fields})
        return self

    def billed(self) -> dict[str, Any]:
        """The one bill of the order, once finance has made it."""

        def found() -> list[dict[str, Any]]:
            items: list[dict[str, Any]] = self.site.as_("cashier").get("/bills", work_order_id=self.id)["items"]
            return items

        items = eventually(found, f"bill of {self.order.get('number')}", max(15.0, self.patience))
        assert len(items) == 1, items
        self.bill = items[0]
        return self.bill

    def pay(self, *shares: Decimal | str) -> Case:
        """Pay these amounts, or all that is open."""
        self.billed()
        for amount in shares or [self.bill["open_amount"]]:
            if Decimal(amount) == 0:
                continue
            body = {"method": "cash", "amount": str(amount)}
            paid = self.send(self.site.as_("cashier"), f"/bills/{self.bill['id']}/payments", body, 201)
            self.bill = {**self.bill, **paid["bill"]}
        return self

    def hand_over(self) -> Case:
        self.act("cashier", "hand-over", {"received_by": "李明"})
        return self

    def revisit(self, score: int = 5, solved: bool = True) -> Case:
        agent = self.site.as_("agent")

        def found() -> list[dict[str, Any]]:
            items: list[dict[str, Any]] = agent.get("/revisits", work_order_id=self.id)["items"]
            return items

        tasks = eventually(found, f"revisit of {self.order.get('number')}", max(15.0, self.patience))
        assert len(tasks) == 1, tasks
        self.send(agent, f"/revisits/{tasks[0]['id']}/record", {"solved": solved, "score": score, "comment": "好"})
        return self

    def audit(self) -> Case:
        self.act("manager", "audit")
        self.seconds = time.monotonic() - self.began
        return self

    # -- other ends ---------------------------------------------------------------------------------------------
    def cancel(self) -> Case:
        """Until it is cancelled; what the store had handed out by then comes back first."""
        deadline = time.monotonic() + max(30.0, self.patience)
        while self.reload()["state"] != "cancelled":
            assert time.monotonic() < deadline, f"{self.order['number']} stays {self.order['state']}"
            if self.order["state"] == "cancelling":
                time.sleep(0.05)
                continue
            self.steps += 1
            answer = self.site.as_("agent").call("POST", f"/work-orders/{self.id}/cancel", {"reason": "sold"}, key=f"{self.key}-{self.steps}")
            if answer.code == "parts_not_returned" and answer.json["parts"]:
                self.act("storekeeper", "return-parts", {"lines": [{**line, "quality": "good"} for line in answer.json["parts"]]})
            else:
                assert answer.ok or answer.code in (*GATES, "bad_transition"), answer.raw
        self.quantities = []
        return self

    def unrepaired(self, hours: float = 0.0) -> Case:
        """The quote is refused; the device goes back as it came, with a fee for the diagnosis or without."""
        self.act("agent", "reject", {"reason": "too dear"})
        fee = [{"rate_code": self.company.rate["code"], "hours": hours}] if hours else []
        self.act("technician", "return-unrepaired", {"fee": fee})
        self.hours, self.quantities = hours, []
        return self

    def quick_job(self) -> Case:
        """All in one call, asked again while the store does not answer."""
        self.steps += 1
        parts = [{"part_id": part["id"], "quantity": quantity} for part, quantity in self.quantities]
        body = {"site_id": self.site.id, "technician_id": self.site.technician["id"], "problem": "flat tyre", "work_done": "tyre changed",
                "labour": [{"rate_code": self.company.rate["code"], "hours": self.hours}], "parts": parts}
        deadline = time.monotonic() + self.patience
        while True:
            answer = self.site.as_("manager").call("POST", "/quick-jobs", body, key=f"{self.key}-{self.steps}")
            if answer.code not in GATES or time.monotonic() > deadline:
                break
        assert answer.status == 201, answer.raw
        self.order = answer.json
        self.wait_for("ready", None)
        return self

    def finish(self) -> Case:
        """From wherever the case stands to its end, or AssertionError."""
        self.key += "-again"
        for _ in range(12):
            order = self.reload()
            match order["state"], order["waiting_for"]:
                case ["audited" | "cancelled", _]:
                    return self
                case ["registered", _]:
                    self.start()
                case ["in_repair", "approval"]:
                    self.approve()
                case ["in_repair", "parts"]:
                    self.wait_for("in_repair", None)
                case ["in_repair", None] if order["approved_version"]:
                    self.complete()
                case ["in_repair", _]:
                    self.diagnose().quote()
                case ["in_check", _]:
                    self.check()
                case ["ready", _]:
                    self.pay().hand_over()
                case ["completed", _]:
                    self._settle()
                    self.wait_for("revisited", None)
                case ["revisited", _]:
                    self.audit()
        raise AssertionError(f"{self.order['number']} hangs in {self.order['state']}/{self.order['waiting_for']}")

    def _settle(self) -> None:
        """What a completed order waits for: money once it was billed anew, a new bill once it was opened again, the end of the
        follow-up once the customer said that it is not solved, else his word."""
        cashier, manager = self.site.as_("cashier"), self.site.as_("manager")
        owed = [bill for bill in cashier.get("/bills", work_order_id=self.id)["items"] if bill["state"] == "open"]
        unsolved = [task for task in manager.get("/follow-ups", work_order_id=self.id)["items"] if task["state"] == "open"]
        for bill in owed:
            self.send(cashier, f"/bills/{bill['id']}/payments", {"method": "cash", "amount": bill["open_amount"]}, 201)
        for task in unsolved:
            self.send(manager, f"/follow-ups/{task['id']}/solve", {})
        if not owed and self.order["reopened"]:
            self.act("manager", "rebill", {"charged_to": "maker"})
        elif not owed and not unsolved:
            self.revisit()

    # -- to another site and back -----------------------------------------------------------------------------------
    def ship(self, to: Site) -> Case:
        """On the road."""
        body = {"work_order_id": self.id, "to_site_id": to.id, "given_by": "韩梅梅"}
        self.slip = self.send(self.at.as_("agent"), "/hand-over-slips", body, 201)
        return self

    def receive(self, at: Site) -> Case:
        """By the addressee, there or back."""
        self.slip = self.send(at.as_("agent"), f"/hand-over-slips/{self.slip['id']}/receive", {"received_by": "赵敏"})
        self._elsewhere = None if at is self.site else at
        return self

    def ship_back(self) -> Case:
        self.slip = self.send(self.at.as_("agent"), f"/hand-over-slips/{self.slip['id']}/send-back", {"given_by": "赵敏"})
        return self

    # -- stretches ----------------------------------------------------------------------------------------------
    def to_quoted(self) -> Case:
        return self.register().assign().start().diagnose().quote()

    def to_ready(self) -> Case:
        return self.to_quoted().approve().complete().check()

    def walk(self, *shares: Decimal | str) -> Case:
        """From the counter to the audit."""
        return self.to_ready().pay(*shares).hand_over().revisit().audit()


def _waits(path: str, answer: Answer) -> bool:
    """Whether this refusal is a gate; before the revisit has been heard of, the audit names it by the order's state."""
    unheard = path.endswith("/audit") and answer.code == "bad_transition" and answer.json["state"] == "completed"
    return unheard or answer.code in GATES


def _phone(key: str) -> str:
    return f"138{int(key, 16) % 10**8:08d}"

