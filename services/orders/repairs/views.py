"""Work orders as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from chassis.db.sealed import opened
from chassis.domain.errors import DomainError
from chassis.domain.principal import Principal
from chassis.http.views import stamps
from services.orders.kernel import Document
from services.orders.masters import CustomerCopy
from services.orders.repairs.errors import BillOpen
from services.orders.repairs.kinds import KINDS
from services.orders.repairs.quote import Quote
from services.orders.repairs.sections import Diagnosis, Sections
from services.orders.repairs.states import State
from services.orders.repairs.work_order import WorkOrder
from services.orders.texts import say

FIELDS = (
    "id",
    "number",
    "kind",
    "channel",
    "origin",
    "source",
    "external_id",
    "state",
    "waiting_for",
    "site_id",
    "held_site_id",
    "bound_site_id",
    "customer_id",
    "dealer_id",
    "device_id",
    "product_id",
    "technician_id",
    "appointment_start",
    "appointment_end",
    "problem",
    "coverage",
    "quote_version",
    "approved_version",
    "work_done",
    "cancel_reason",
    "unrepaired",
    "uncollected_reason",
    "billing",
    "reopened",
    "promised_at",
    "registered_at",
    "ready_at",
    "completed_at",
)
NAMES = (
    "site_name",
    "held_site_name",
    "bound_site_name",
    "customer_name",
    "product_name",
    "brand",
    "category",
    "serial_number",
    "technician_name",
)
SEPARATOR = (", ", "、")
_fields, _names = attrgetter(*FIELDS), attrgetter(*NAMES)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: decides on allowed actions and on the language."""

    principal: Principal
    language: str


def work_order(order: WorkOrder, sections: Sections, names: Any, reader: Reader) -> Document:
    """The whole document. ``names`` has the attributes of NAMES: what the ids stand for."""
    return {
        **dict(zip(FIELDS, _fields(order), strict=True)),
        **dict(zip(NAMES, _names(names), strict=True)),
        "customer_name": opened(CustomerCopy.name, names.customer_name, order.customer_id),
        "coverage_reason": [_line(line, reader.language) for line in order.coverage_reason],
        "diagnosis": sections.diagnosis and diagnosis(sections.diagnosis),
        "quote": sections.quote and quote(sections.quote),
        "returns": [item.told() for item in sections.returns],
        "received_by": sections.hand_over and sections.hand_over.received_by,
        "allowed_actions": KINDS[order.kind].allowed(order, reader.principal),
        **stamps(order),
    }


def gate(action: str, refused: DomainError, language: str) -> Document:
    """A gate that is shut: the code and members of the refusal, and in words what has to come first."""
    bill = next(iter(refused.members.get("bills", ())), None)
    code = f"{refused.code}.{'amount' if bill else 'none'}" if isinstance(refused, BillOpen) else refused.code
    return {"action": action, "code": refused.code, "text": say("gates", code, language, bill or {}), **refused.members}


def diagnosis(found: Diagnosis) -> Document:
    return {name: getattr(found, name) for name in ("symptom", "cause", "finding", "quality_defect", "exclusion")}


def quote(quote: Quote) -> Document:
    """A quote version: version, state, lines, totals, and who answered it how."""
    return {
        "version": quote.version,
        "state": quote.state,
        "coverage": quote.coverage,
        "tax_rate": str(quote.tax_rate),
        "lines": [line.billed() for line in quote.lines],
        "customer_total": f"{quote.customer_total:.2f}",
        "maker_total": f"{quote.maker_total:.2f}",
        "currency": quote.currency,
        "approved_by": quote.approved_by,
        "reason": quote.reason,
    }


def entry(row: Any, language: str) -> Document:
    """A timeline item; journal rows and foreign events look alike."""
    data = row.data or {}
    fields = [say("fields", change["field"], language, {}) for change in data.get("changes", ())]
    values = {**data, "why": row.why, "fields": SEPARATOR[language[:2] == "zh"].join(fields), "parts": say("parts", _parts(data.get("lines", ())), language, {})}
    return {
        "at": row.at,
        "type": row.type,
        "source": row.source,
        "actor": row.actor,
        "summary": say("timeline", _said(row.type, data, row.state_after), language, values),
        "data": {**data, **({"reason": row.why} if row.why else {}), **_move(row)},
    }


def _said(kind: str, data: Document, state_after: str | None) -> str:
    """The entry's words (texts.yaml), where what happened depends on how it went."""
    match kind:
        case "work_order.cancel" if state_after == State.CANCELLING:
            return "work_order.cancelling"
        case "work_order.check" if data.get("passed") is False:
            return "work_order.check_failed"
        case "revisit.recorded" if data.get("score") is None:
            return "revisit.recorded_unscored"
        case "follow_up.closed" if data.get("solved"):
            return "follow_up.solved"
    return kind


def outside_entry(row: Any, language: str) -> Document:
    """A timeline item as an outside account may read it (G-10): that it happened, in words that name no staff and no share of
    anybody else."""
    return {
        "at": row.at,
        "type": row.type,
        "source": row.source,
        "summary": say("outside", row.type, language, row.data or {}),
    }


def _line(line: Document, language: str) -> Document:
    return {**line, "text": say("coverage", line["code"], language, line)}


def _move(row: Any) -> Document:
    return {"from": row.state_before, "to": row.state_after} if row.state_after else {}


def _parts(lines: Sequence[Document]) -> str:
    """Where a requisition stands, in one word of the catalogue."""
    needed = [line for line in lines if line.get("needed")]
    if not needed:
        return "none"
    out = [line["issued"] - line["returned"] for line in needed]
    if all(line["needed"] <= gone for line, gone in zip(needed, out, strict=True)):
        return "issued"
    held = all(line["needed"] <= gone + line["reserved"] for line, gone in zip(needed, out, strict=True))
    return "reserved" if held else "short"
