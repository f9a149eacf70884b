"""Repair order (维修单, O-85): one aggregate and its rules. What may be done when says its kind's transition table (kinds/).

Facts of other services (parts reserved or issued, bill paid) are handed to the methods that need them; a refusal that such
a fact may lift is marked ``waiting()``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Held, held
from chassis.domain.aggregate import Aggregate, Journal, new_id
from chassis.domain.errors import BadTransition
from chassis.domain.machine import Machine
from chassis.domain.principal import Principal
from services.orders.devices import Coverage, Decision
from services.orders.kernel import Document, apply, quantity
from services.orders.masters import Technician
from services.orders.repairs import announcing, corrections, ending, gates, returning
from services.orders.repairs.billing import Billing
from services.orders.repairs.errors import BillExists, OverReturn
from services.orders.repairs.facts import Bill, Parts
from services.orders.repairs.kinds import KINDS
from services.orders.repairs.pricing import Discount, Position
from services.orders.repairs.quote import Quote, QuoteState, total_by_part
from services.orders.repairs.sections import Check, Diagnosis, HandOver, PartReturn, Sections
from services.orders.repairs.shares import Term
from services.orders.repairs.states import Origin, State, Wait

S = TypeVar("S", Check, Diagnosis, HandOver, PartReturn)


class WorkOrder(Base, Held, Aggregate):
    """One device, one problem, one site. ``org_path`` is the site's; while the device is at another or on its way to one, that one sees
    the order too (custody.py). What was found, quoted, returned and handed over are rows of
    their own (``sections``), read with the order by loading.py."""

    published = announcing.PUBLISHED
    __tablename__ = "work_orders"

    number: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    kind: Mapped[str]
    channel: Mapped[str]
    origin: Mapped[Origin]
    source: Mapped[str | None]
    external_id: Mapped[str | None]
    state: Mapped[State]
    waiting_for: Mapped[Wait | None]
    site_id: Mapped[UUID]
    time_zone: Mapped[str]
    customer_id: Mapped[UUID | None]
    dealer_id: Mapped[UUID | None]
    """Party it came through (经销商), whose outside accounts see it (G-10)."""
    device_id: Mapped[UUID | None]
    product_id: Mapped[UUID | None]
    technician_id: Mapped[UUID | None]
    appointment_start: Mapped[datetime | None]
    appointment_end: Mapped[datetime | None]
    problem: Mapped[str]
    coverage: Mapped[Coverage]
    coverage_reason: Mapped[list[dict[str, Any]]]
    quote_version: Mapped[int]
    approved_version: Mapped[int | None]
    returned: Mapped[bool]
    """Whether parts came back."""
    repaired: Mapped[bool]
    work_done: Mapped[str | None]
    cancel_reason: Mapped[str | None]
    unrepaired: Mapped[bool]
    """The customer refused the quote: it goes back as it came."""
    uncollected_reason: Mapped[str | None]
    """Why it was closed though nobody collected it."""
    billing: Mapped[Billing | None] = mapped_column(JSONB(none_as_null=True))
    reopened: Mapped[bool]
    promised_at: Mapped[datetime | None]
    registered_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    uncollected_told_at: Mapped[datetime | None]
    """When those at its site were told that it should have been collected."""
    completed_at: Mapped[datetime | None]

    # Every filter and sort key of the list has its index; ids follow so that a page is read in order.
    __table_args__ = (
        *(
            Index(f"ix_work_orders_{name}", name, "created_at", "id")
            for name in ("state", "site_id", "waiting_for")
        ),
        Index("ix_work_orders_technician_id_created_at", "technician_id", "created_at", "id"),
        Index("ix_work_orders_customer_id_created_at", "customer_id", "created_at", "id"),
        Index("ix_work_orders_dealer_id", "dealer_id", "created_at", "id"),
        *(Index(f"ix_work_orders_{name}", name) for name in ("device_id", "product_id")),
        *(
            Index(f"ix_work_orders_{name}", name, "id")
            for name in ("created_at", "registered_at", "external_id")
        ),
        Index("ix_work_orders_quick_jobs", "registered_at", postgresql_where=text("kind = 'quick_job' AND state = 'in_repair'")),
        Index("ix_work_orders_uncollected", "ready_at", "id", postgresql_where=text("state = 'ready' AND uncollected_told_at IS NULL")),
        Index("ix_work_orders_kind", "kind", "created_at", "id", postgresql_where=text("kind <> 'repair'")),
        Index("ix_work_orders_source_external_id", "source", "external_id", unique=True),
        Index("ix_work_orders_held_site_id", "held_site_id", "created_at", "id", postgresql_where=text("held_site_id IS NOT NULL")),
        Index("uq_work_orders_whose", "id", "org_path", unique=True),
        *held("work_orders"),
    )

    @classmethod
    def blank(cls, **fields: Any) -> WorkOrder:
        """An order before its first entry in the journal: what is not given is empty."""
        empty: Document = dict.fromkeys(cls.__table__.columns.keys())
        empty |= {
            "id": new_id(),
            "kind": "repair",
            "origin": Origin.LIVE,
            "state": KINDS[fields.get("kind", "repair")].initial,
            "quote_version": 0,
        }
        empty |= {"returned": False, "repaired": False, "reopened": False, "unrepaired": False, "coverage_reason": []}
        for name in ("version", "created_at", "created_by", "updated_at", "updated_by"):
            del empty[name]
        return cls(**(empty | fields)).read_with(Sections())

    @property
    def machine(self) -> Machine:
        """What may be done with an order of its kind."""
        return KINDS[self.kind]

    @property
    def sections(self) -> Sections:
        found: Sections = self.__dict__["sections"]
        return found

    def read_with(self, sections: Sections, reader: Principal | None = None) -> WorkOrder:
        """Having read them changes nothing of the order, so it raises no version as an attribute would."""
        self.__dict__["sections"], self.__dict__["reader"] = sections, reader
        return self

    @property
    def quote(self) -> Quote | None:
        """The newest version."""
        return self.sections.quote

    @classmethod
    def register(cls, by: str, decision: Decision, **fields: Any) -> WorkOrder:
        """Take in a device. ``fields``: number, channel, site and who and what it is about."""
        order = cls.blank(coverage=decision.coverage, coverage_reason=list(decision.lines), **fields)
        order.journal(Journal("register", by, None, order.state, data={"problem": order.problem}))
        order.record("registered")
        return order

    def assign(
        self, technician_id: UUID, name: str, start: datetime | None, end: datetime | None, by: str
    ) -> None:
        """Give it to a technician of the site, with an appointment or without."""
        slot = {"start": start and start.isoformat(), "end": end and end.isoformat()} if start else None
        data = {"technician_id": str(technician_id), "technician": name, "appointment": slot}
        self.machine.fire(self, "assign", by, to=self.state, data=data)
        self.technician_id, self.appointment_start, self.appointment_end = technician_id, start, end
        self.record("assigned")

    def start(self, by: str, technician: Technician | None = None) -> None:
        """Begin the repair; ``technician`` takes it over. An open order of the old system becomes a live one with it: from here on
        it is ours."""
        data = {"technician_id": str(technician.id), "technician": technician.name} if technician else None
        self.machine.fire(self, "start", by, data=data)
        if technician:
            self.technician_id, self.appointment_start, self.appointment_end = technician.id, None, None
        self.origin = Origin.LIVE
        self.record("started")

    def diagnose(self, findings: Document, decision: Decision, by: str) -> None:
        """Record what was found and decide coverage again. A quote split the other way no longer holds. ``findings``: the members
        of Diagnosis."""
        data = {**findings, "coverage": decision.coverage.value}
        self.machine.fire(self, "diagnose", by, data=data)
        if self.sections.diagnosis is None:
            self.sections.diagnosis = self._section(Diagnosis(**findings))
        else:
            apply(self.sections.diagnosis, findings)
        self._decide(decision)
        self.record("diagnosed")

    def correct(self, fields: Document, decision: Decision | None, by: str) -> bool:
        """What was taken down wrongly becomes ``fields``, the journal keeps what stood there (R-05). ``decision``: coverage decided
        again; a repair in check whose quote it voids goes back to be quoted anew. False when nothing differs. Raises BillExists."""
        self.require_correctable()
        changes = corrections.changes(self, fields, decision)
        if not changes:
            return False
        facts = corrections.facts(self, changes)
        self.machine.fire(self, "correct", by, to=self.state, data={"changes": changes})
        apply(self, fields)
        if decision and self._decide(decision) and self.state is State.IN_CHECK:
            self.machine.fire(self, "requote", by)
            self.repaired = False
        self.record("corrected", **facts)
        return True

    def require_correctable(self, bill: Bill | None = None) -> None:
        """Until it is billed, and not cancelled. Raises BillExists, BadTransition."""
        if self.billing is not None:
            raise BillExists(bills=[bill.shown()] if bill else [])
        self.machine.require(self, "correct")

    def offer(
        self,
        positions: Sequence[Position],
        tax_rate: Decimal,
        now: datetime,
        by: str,
        discount: Discount | None = None,
        terms: Sequence[Term] = (),
    ) -> None:
        """A new quote version; what the old one reserved is free again. Approved at once if the customer owes nothing."""
        self.machine.require(self, "quote")
        if self.quote is not None:
            self.quote.replaced_at = now
        self.quote_version += 1
        quote = Quote.offer(self.id, self.org_path, self.quote_version, positions, tax_rate, self.coverage, discount, terms)
        self.sections.quote = quote
        self.sections.added += [quote, *quote.lines]
        self.approved_version, self.waiting_for = None, Wait.APPROVAL
        totals = {"version": quote.version, "customer_total": str(quote.customer_total), "maker_total": str(quote.maker_total)}
        self.machine.fire(self, "quote", by, data={**totals, "currency": quote.currency})
        if quote.state is QuoteState.APPROVED:
            self._take_quote(now)
        self.record("quoted")

    def approve(self, approved_by: str, now: datetime, by: str) -> None:
        """The customer agrees; parts are promised from now."""
        self.machine.fire(self, "approve", by, data={"version": self.quote_version, "approved_by": approved_by})
        self._answer_quote(QuoteState.APPROVED, approved_by=approved_by)
        self._take_quote(now)
        self.record("quote_approved")

    def reject(self, reason: str, by: str) -> None:
        self.machine.fire(self, "reject", by, why=reason, data={"version": self.quote_version})
        self._answer_quote(QuoteState.REJECTED, reason=reason)
        self.waiting_for = Wait.CUSTOMER
        self.record("quote_rejected")

    def note_parts(self, parts: Parts, by: str) -> None:
        """Inventory reported: when every part of the approved version is reserved the order waits no longer, and a cancel ends."""
        if self.state is State.CANCELLING:
            if parts.cancelled:
                ending.end_cancel(self, parts, by)
        elif self.waits_for(parts):
            self.waiting_for = None
            self.journal(Journal("parts_reserved", by, self.state, self.state))
            self.record("parts_reserved")

    def waits_for(self, parts: Parts) -> bool:
        """Whether it goes on with this report: all parts of its approved quote are reserved."""
        return self.waiting_for is Wait.PARTS and self.approved_version == parts.quote_version and parts.reserved_all

    def complete(self, work_done: str, parts: Parts | None, by: str) -> None:
        """The technician is done (O-94): approved quote and every part reserved."""
        self.machine.require(self, "complete")
        gates.complete(self, parts)
        self.machine.fire(self, "complete", by, data={"work_done": work_done})
        self.work_done, self.repaired, self.waiting_for = work_done, True, None
        self.record("repaired")

    def check(self, passed: bool, reason: str | None, parts: Parts | None, now: datetime, by: str) -> None:
        """Pass: ready and billed, once every part is issued. Fail: back to repair."""
        self.machine.require(self, "check")
        if not passed:
            self.machine.fire(self, "check", by, to=State.IN_REPAIR, why=reason, data={"passed": False})
            self._section(Check(id=new_id(), at=now, by=by, passed=False, reason=reason))
            self.repaired = False
            self.record("check_failed")
            return
        gates.need(self, parts, "issued_all")
        self.machine.fire(self, "check", by, to=State.READY, why=reason, data={"passed": True})
        self._section(Check(id=new_id(), at=now, by=by, passed=True, reason=reason))
        self._ready(now)

    def finish(self, parts: Parts | None, now: datetime, by: str) -> None:
        """A quick job is done when its parts are out: nobody checks it."""
        self.machine.require(self, "finish")
        gates.need(self, parts, "issued_all")
        self.machine.fire(self, "finish", by)
        self._ready(now)

    def _ready(self, now: datetime) -> None:
        assert self.quote is not None  # complete asked for an approved one
        self.ready_at, self.billing = now, self.quote.billing(self.sections.returns, round_=1)
        self.record("ready")

    def return_parts(self, lines: Sequence[Document], parts: Parts | None, by: str) -> None:
        """Issued parts come back (before billing only). ``lines``: part_id, quantity, quality. They are needed no longer.
        Of a part no more than is out, good and bad together: OverReturn. Of pieces with a serial number these: SerialCount."""
        self.machine.require(self, "return_parts")
        out, back = gates.parts_out(self, parts), total_by_part(lines)
        if over := [part_id for part_id, amount in back.items() if amount > out.get(part_id, 0)]:
            raise OverReturn(parts=announcing.lines({part_id: out.get(part_id, Decimal(0)) for part_id in over})).waiting()
        numbers = returning.pieces(lines, gates.pieces_out(self, parts))
        self.machine.fire(self, "return_parts", by, to=self.state, data={"lines": list(lines)})
        self.returned = True
        for line, pieces in zip(lines, numbers, strict=True):
            back_again = {"part_id": UUID(line["part_id"]), "quantity": quantity(line["quantity"]), "quality": line["quality"]}
            row = self._section(PartReturn(id=new_id(), version=self.approved_version, serial_numbers=pieces, **back_again))
            self.sections.returns.append(row)
        self.record("parts_returned")

    def hand_over(self, received_by: str, bill: Bill | None, now: datetime, by: str) -> None:
        """The customer takes it home: bill known and the customer's part of it paid."""
        self.machine.require(self, "hand-over")
        gates.hand_over(self, None, bill)
        self.machine.fire(self, "hand-over", by, data={"received_by": received_by})
        self.sections.hand_over = self._section(HandOver(at=now, received_by=received_by))
        self.completed_at = now
        self.record("completed")

    def revisit(self, by: str) -> None:
        """The customer says it is solved, or his follow-up ended, in customer service."""
        self.machine.fire(self, "revisit", by)
        self.record("revisited")

    def audit(self, by: str) -> None:
        """Close for good; a completed order waits for its revisit."""
        if self.state is State.COMPLETED:
            raise BadTransition(self.state, self.machine.allowed(self), "audit").waiting()
        self.machine.fire(self, "audit", by)
        self.record("audited")

    def unaudit(self, reason: str, bill: Bill | None, by: str) -> None:
        """Open what was closed for good (反审核, G-21). Nothing is edited: finance reverses the bill, what the customer
        paid becomes his credit, and ``rebill`` begins the next settlement round. Not while he owes (nobody collected it): BillOpen."""
        self.machine.require(self, "unaudit")
        gates.hand_over(self, None, bill)
        self.machine.fire(self, "unaudit", by, why=reason)
        self.reopened = True
        self.record("unaudited", reason=reason)

    def rebill(self, billing: Billing, by: str) -> None:
        """What is right is billed in the next round; the customer's credit pays it as far as it goes."""
        totals = {"round": billing["round"], "customer_total": billing["customer_total"], "maker_total": billing["maker_total"]}
        self.machine.fire(self, "rebill", by, data={**totals, "currency": billing["currency"]})
        self.reopened, self.billing = False, billing
        self.record("rebilled")

    def note_bill(self, bill: Bill, by: str) -> None:
        """Finance reported: once the bill of a later round is paid, the order (asked after long ago) may be audited again."""
        if self.state is not State.COMPLETED or self.reopened or self.billing is None:
            return
        if self.billing["round"] == bill.round > 1 and bill.state == "settled":
            self.machine.fire(self, "settle", by)
            self.record("revisited")

    def needed(self) -> dict[str, Decimal]:
        """Parts by id that belong into the device: the approved quote less what came back under it."""
        if self.approved_version is None or self.quote is None or self.state is State.CANCELLING:
            return {}
        return self.quote.parts(self.sections.returns)

    def _take_quote(self, now: datetime) -> None:
        """The quote holds: wait for its parts, if it has any. A promise once made keeps its place in the queue."""
        self.approved_version = self.quote_version
        needed = self.needed()
        self.waiting_for = Wait.PARTS if needed else None
        self.promised_at = self.promised_at or (now if needed else None)

    def _decide(self, decision: Decision) -> bool:
        """Coverage as decided. True when the quote is void for it: it was split the other way."""
        payer_changed = (self.coverage is Coverage.IN_WARRANTY) != (decision.coverage is Coverage.IN_WARRANTY)
        self.coverage, self.coverage_reason = decision.coverage, list(decision.lines)
        if self.quote is None or not payer_changed:
            return False
        self._answer_quote(QuoteState.VOID)
        self.approved_version = self.waiting_for = None
        return True

    def _answer_quote(self, state: QuoteState, **answer: str) -> None:
        assert self.quote is not None
        apply(self.quote, {"state": state, **answer})

    def _section(self, row: S) -> S:
        """A new row of this order, to be saved with it."""
        row.work_order_id, row.org_path = self.id, self.org_path
        self.sections.added.append(row)
        return row

    @property
    def outside_party(self) -> UUID | None:
        """Stands in the envelope of its events: the data were released before there were dealers."""
        return self.dealer_id
