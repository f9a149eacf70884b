"""Work orders and quotes under many hands: whatever several clients try at once, the accepted actions are one legal history
per order, each with its version, its event and its answer; what was refused left nothing."""

from __future__ import annotations

import itertools
import random
import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import given, strategies as st

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from tests.integration.concurrency.conftest import PROGRAMS, at_once
from tests.integration.orders.conftest import Job, Shop
from tests.support.serving import Served, envelope

REFUSALS = {"bad_transition", "not_overdue", "quote_missing", "parts_not_issued", "bill_open", "bill_exists", "parts_not_returned", "stale_version"}
VERBS = {"assign": "assigned", "start": "started", "diagnose": "diagnosed", "quote": "quoted", "approve": "quote_approved",
         "reject": "quote_rejected", "complete": "repaired", "check": "ready", "hand-over": "completed", "audit": "audited",
         "return-unrepaired": "unrepaired"}
ENDS = {"cancelling", "cancelled"}
"""What an accepted cancel comes to: the answer tells of either, or refuses it after all."""


@dataclass
class Model:
    """The order as the action table of the interface tells it, for a device that its customer pays for."""

    state: str = "registered"
    waiting_for: str | None = None
    quoted: int = 0
    approved: int | None = None
    before: tuple[str, str | None] = ("", None)
    """Where it stood when it was to be cancelled."""

    def step(self, verb: str) -> None:
        """One accepted action or fact; AssertionError where the table does not allow it."""
        getattr(self, f"_{verb}")()

    def _in(self, *states: str) -> None:
        assert self.state in states

    def _assigned(self) -> None:
        self._in("registered", "in_repair")

    def _started(self) -> None:
        self._in("registered")
        self.state = "in_repair"

    def _diagnosed(self) -> None:
        self._in("in_repair")

    def _quoted(self) -> None:
        self._in("in_repair")
        self.quoted, self.approved, self.waiting_for = self.quoted + 1, None, "approval"

    def _quote_approved(self) -> None:
        self._in("in_repair")
        assert self.waiting_for == "approval"
        self.approved, self.waiting_for = self.quoted, "parts"

    def _quote_rejected(self) -> None:
        self._in("in_repair")
        assert self.waiting_for == "approval"
        self.waiting_for = "customer"

    def _parts_reserved(self) -> None:
        self._in("in_repair")
        assert self.waiting_for == "parts"
        self.waiting_for = None

    def _repaired(self) -> None:
        self._in("in_repair")
        assert self.approved == self.quoted > 0
        self.state, self.waiting_for = "in_check", None

    def _check_failed(self) -> None:
        self._in("in_check")
        self.state = "in_repair"

    def _ready(self) -> None:
        self._in("in_check")
        self.state = "ready"

    def _completed(self) -> None:
        self._in("ready")
        self.state = "completed"

    def _revisited(self) -> None:
        self._in("completed")
        self.state = "revisited"

    def _audited(self) -> None:
        self._in("revisited")
        self.state = "audited"

    def _unrepaired(self) -> None:
        self._in("in_repair")
        assert self.waiting_for == "customer"
        self.state, self.waiting_for = "ready", None

    def _cancelling(self) -> None:
        self._in("in_repair", "in_check")
        self.before, self.state, self.waiting_for = (self.state, self.waiting_for), "cancelling", None

    def _cancel_refused(self) -> None:
        self._in("cancelling")
        self.state, self.waiting_for = self.before
        if self.state == "in_repair" and self.approved:
            self.waiting_for = "parts"  # asked for anew

    def _cancelled(self) -> None:
        self._in("registered", "in_repair", "in_check", "cancelling")
        self.state, self.waiting_for, self.approved = "cancelled", None, None


@dataclass
class Desk:
    """One order, what its clients were answered, and what the other services report about it."""

    job: Job
    accepted: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    told: int = 0
    telling: threading.Lock = field(default_factory=threading.Lock)

    def body(self, action: str, luck: random.Random) -> dict[str, Any]:
        shop = self.job.shop
        parts = [{"part_id": part, "quantity": luck.randint(1, 3)} for part in shop.parts]
        return {
            "assign": {"technician_id": shop.technician["id"]}, "start": {}, "audit": {},
            "diagnose": {"symptom": "no power", "cause": "worn brush", "finding": "replace"},
            "quote": {"labour": [{"rate_code": shop.rate, "hours": luck.randint(1, 9)}], "parts": parts},
            "approve": {"approved_by": "王芳"}, "reject": {"reason": "too dear"}, "complete": {"work_done": "replaced"},
            "check": {"passed": luck.random() < 0.7}, "hand-over": {"received_by": "王芳"}, "cancel": {"reason": "changed mind"},
            "return-unrepaired": {"fee": [{"rate_code": shop.rate, "hours": 1}] * luck.randint(0, 1)},
        }[action]  # fmt: skip

    def try_(self, action: str, luck: random.Random) -> None:
        """One call, sometimes sent twice under its key, sometimes for a version that may have passed."""
        body, headers = self.body(action, luck), {"Idempotency-Key": uuid.uuid4().hex}
        if luck.random() < 0.2:
            headers["If-Match"] = f'"{self.job.shop.ok("GET", f"/work-orders/{self.job.id}")["version"]}"'
        answers = []
        sends = [lambda: answers.append(self.job.attempt(action, body, headers=headers))] * (1 + (luck.random() < 0.25))
        at_once(sends) if len(sends) > 1 else sends[0]()
        good = [answer.json() for answer in answers if answer.status_code == 200]
        for answer in answers:
            assert answer.status_code == 200 or answer.json()["code"] in REFUSALS, answer.text
        if good:
            if action == "cancel":
                good.sort(key=lambda document: document["version"])  # the one that asked later may have been told how it ended
                verb = good[0]["state"]
            else:
                assert all(document == good[0] for document in good), "one key, one answer"
                verb = VERBS[action] if action != "check" or body["passed"] else "check_failed"
            self.accepted.append((good[0]["version"], verb, good[0]))

    def report(self, luck: random.Random) -> None:
        """Inventory, finance or customer service say what follows from the order as it was a moment ago."""
        order = self.job.shop.ok("GET", f"/work-orders/{self.job.id}")
        if order["state"] in ("in_repair", "in_check") and order["approved_version"]:
            parts = [line for line in order["quote"]["lines"] if line["kind"] == "part"]
            issued = order["state"] == "in_check"
            lines = [{"part_id": line["ref"], "needed": line["quantity"], "reserved": 0 if issued else line["quantity"],
                      "issued": line["quantity"] if issued else 0, "returned": 0} for line in parts]
            self._tell("inventory.requisition.changed", {
                "quote_version": order["approved_version"], "reserved_all": True, "issued_all": issued, "issued_any": issued,
                "lines": lines, "summary": "x"})
        elif order["state"] == "cancelling":
            out = luck.choice([0, 0, 1])
            lines = [{"part_id": part, "needed": 0, "reserved": 0, "issued": out, "returned": 0} for part in self.job.shop.parts]
            self._tell("inventory.requisition.changed", {
                "quote_version": order["approved_version"], "reserved_all": True, "issued_all": True, "issued_any": out > 0,
                "cancelled": True, "lines": lines, "summary": "x"})
        elif order["state"] == "ready":
            totals = {name: order["billing"][name] for name in ("customer_total", "maker_total")}
            left = luck.choice(["0.00", order["billing"]["customer_total"]])
            self._tell("finance.bill.changed", {"number": f"BL{order['number']}", "round": 1, **totals, "open_amount": left,
                                                "state": "open" if left != "0.00" else "settled"})
        elif order["state"] == "completed":
            self._tell("callcenter.revisit.recorded", {"solved": True, "score": 5, "comment": None})

    def _tell(self, name: str, data: dict[str, Any]) -> None:
        with self.telling:
            self.told += 1
            subject = self.job.subjects.setdefault(name, str(new_id()))
            made = envelope(f"aftersales.{name}.v1", {"work_order_id": self.job.id, **data}, subject=subject, sequence=self.told,
                            org_path=self.job.shop.path)
        outcomes = []
        at_once([lambda: outcomes.append(self.job.shop.served.receive(made))] * 2)  # delivered twice at the same moment
        assert sorted(outcomes) == [Outcome.DONE, Outcome.DUPLICATE], outcomes

    def judge(self) -> Model:
        """The order's history is the model's, step by step, and every accepted answer is one of its steps."""
        told = self.job.shop.served.events(self.job.id)
        assert [sequence for _, sequence, _ in told] == list(range(1, len(told) + 1)), "one event per version"
        model, steps = Model(), {1: ("registered", told[0][2])}
        for type_, sequence, data in told[1:]:
            verb = type_.split(".")[1]
            model.step(verb)
            shown = (data["state"], data["waiting_for"], data["quote_version"], data["approved_version"])
            assert shown == (model.state, model.waiting_for, model.quoted, model.approved), (verb, sequence)
            steps[sequence] = (verb, data)
        versions = [version for version, _, _ in self.accepted]
        assert len(set(versions)) == len(versions), "two clients were told the same version"
        for version, verb, document in self.accepted:
            assert steps[version][0] == verb
            assert (document["state"], document["waiting_for"]) == (steps[version][1]["state"], steps[version][1]["waiting_for"])
        ours = {sequence for sequence, (verb, _) in steps.items() if verb in {*VERBS.values(), "check_failed"}}
        assert ours == {version for version, verb, _ in self.accepted if verb not in ENDS}, "an action nobody was told of, or an answer without an effect"
        return model


@PROGRAMS
@given(luck=st.randoms(use_true_random=False))
def test_any_actions_at_once_are_one_legal_history(orders: Served, luck: random.Random) -> None:
    shop = Shop(orders)
    device = shop.device("2018-01-01")
    desks = [Desk(shop.order(device_id=device["id"])) for _ in range(2)]
    likely = ["start", "diagnose", "quote", "quote", "approve", "approve", "complete", "complete", "check", "check",
              "hand-over", "hand-over", "audit", "assign", "reject", "return-unrepaired"]

    def client(seed: int) -> Any:
        own = random.Random(seed)

        def run() -> None:
            for _ in range(14):
                desk = own.choice(desks)
                chance = own.random()
                if chance < 0.35:
                    desk.report(own)
                else:
                    desk.try_("cancel" if chance > 0.97 else own.choice(likely), own)

        return run

    for desk in desks:
        desk.try_("start", random.Random(luck.getrandbits(32)))
    at_once([client(luck.getrandbits(32)) for _ in range(4)])
    for desk in desks:
        model, order = desk.judge(), desk.job.reload()
        assert (order["state"], order["waiting_for"]) == (model.state, model.waiting_for)
        kept = orders.rows("SELECT version, replaced_at FROM quotes WHERE work_order_id = :id ORDER BY version", id=desk.job.id)
        assert [row.version for row in kept] == list(range(1, model.quoted + 1)), "every version is kept once"
        assert [row.replaced_at is None for row in kept] == [False] * (model.quoted - 1) + [True] * bool(kept), "the newest stands"


@PROGRAMS
@given(luck=st.randoms(use_true_random=False))
def test_an_hour_of_a_technician_is_given_once(orders: Served, luck: random.Random) -> None:
    """Appointments of several orders moved about at the same time never overlap; the database says so in the end."""
    shop = Shop(orders)
    jobs = [shop.order() for _ in range(4)]

    def mover(seed: int) -> Any:
        own = random.Random(seed)

        def run() -> None:
            for _ in range(8):
                hour = own.randint(8, 11)
                body = {"technician_id": shop.technician["id"], "appointment_start": f"2027-03-01T{hour:02}:00:00Z",
                        "appointment_end": f"2027-03-01T{hour + own.randint(1, 2):02}:00:00Z"}
                answer = own.choice(jobs).attempt("assign", body)
                assert answer.status_code == 200 or answer.json()["code"] == "slot_taken", answer.text

        return run

    at_once([mover(luck.getrandbits(32)) for _ in range(4)])
    documents = [job.reload() for job in jobs]
    held = sorted((document["appointment_start"], document["appointment_end"]) for document in documents
                  if document["appointment_start"])
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(held)), held
    assert held, "somebody got a time"
    slots = orders.rows("SELECT count(*) AS n FROM appointments WHERE technician_id = :id", id=shop.technician["id"])
    assert slots[0].n == len(held)


@PROGRAMS
@given(luck=st.randoms(use_true_random=False))
def test_returns_at_once_never_bring_back_more_than_is_out(orders: Served, luck: random.Random) -> None:
    shop = Shop(orders)
    job = shop.order().to_approved().issued()
    out = {line["ref"]: Decimal(str(line["quantity"])) for line in job.reload()["quote"]["lines"] if line["kind"] == "part"}
    taken: list[dict[str, Any]] = []

    def client(seed: int) -> Any:
        own = random.Random(seed)

        def run() -> None:
            for _ in range(4):
                lines = [{"part_id": part, "quantity": own.choice([0.5, 1, 1.5]), "quality": own.choice(["good", "bad"])}
                         for part in own.sample(shop.parts, own.randint(1, len(shop.parts)))]  # fmt: skip
                answer = job.attempt("return-parts", {"lines": lines})
                if answer.status_code == 200:
                    taken.extend(lines)
                else:
                    assert answer.json()["code"] == "over_return", answer.text

        return run

    at_once([client(luck.getrandbits(32)) for _ in range(4)])
    kept = job.reload()["returns"]
    assert by_part(kept) == by_part(taken), "what was accepted is kept, once"
    assert all(back <= out[part] for part, back in by_part(kept).items())
    assert taken


def by_part(lines: list[dict[str, Any]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line["part_id"]] += Decimal(str(line["quantity"]))
    return dict(sums)
