"""The work order's own page: who and what in one line, the usual next step, lines and timeline, and beside
them
customer, machine, warranty decision and money, gathered from all services."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from flask import g, render_template, request

from console import screen
from console.contracts import Model, Resource
from console.fields import Reference
from console.gateway import Problem
from console.i18n import ZONE, Words
from console.labels import Labels
from console.session import Session

SEE_FULL = "callcenter.customer.see_full"
CLOSED = ("audited", "cancelled")
BESIDE = ("bills", "requisitions", "revisits", "hand-over-slips")
SENT = ("registered", "in_repair", "in_check", "ready")
TABS = ("lines", "timeline")
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="beside")


def usual(order: Mapping[str, Any]) -> list[str]:
    """The step people take next, by what the order has and lacks; several where one may not be allowed."""
    if order.get("waiting_for") == "approval":
        return ["approve"]
    if order.get("waiting_for") == "customer":
        return ["return-unrepaired", "quote"]
    match order.get("state"):
        case "registered":
            return ["start"] if order.get("technician_id") else ["assign", "start"]
        case "in_repair" if not order.get("diagnosis"):
            return ["diagnose"]
        case "in_repair" if not order.get("approved_version"):
            return ["quote"]
        case "in_repair":
            return ["complete"]
    return ["check", "hand-over", "audit"]


def page(values: dict[str, Any], model: Model, session: Session, labels: Labels) -> str:
    """``values`` is what every document page has."""
    order, resource = values["document"], values["resource"]
    site = labels.document(Reference("sites"), order.get("site_id")) if "sites" in model.resources else None
    g.words = Words(g.words.language, (site or {}).get("time_zone") or ZONE)
    tab = request.args.get("tab", "")
    tab = tab if tab in TABS else ("lines" if order.get("quote") else "timeline")
    timeline = resource.parts.get("timeline")
    if tab == "timeline" and timeline and session.may(timeline.permission):
        path = timeline.url(quote(str(order["id"]), safe=""))
        values["timeline"] = session.call("GET", path, query={"limit": 200})["items"]
    beside = _beside(str(order["id"]), model, session)
    values |= {
        "tab": tab,
        "tabs": TABS,
        "actions": screen.actions(resource, order, session, usual(order)),
        "site": site,
        "customer": _document(labels, model, "customers", order.get("customer_id")),
        "device": _document(labels, model, "devices", order.get("device_id")),
        "beside": beside,
        "asks_for_parts": _asks_for_parts(order, model, session),
        "sends": _sends(order, model, session),
        "revealable": _revealable(resource, order, session),
        "quote_fields": _quote_fields(resource.member("quote")),
    }
    return render_template("work_order.html", **values)


def _asks_for_parts(order: Mapping[str, Any], model: Model, session: Session) -> bool:
    """Whether this user may make a requisition for the order by hand, while it is worked on."""
    requisitions = model.resources.get("requisitions")
    create = requisitions and requisitions.create
    return bool(create and session.may(create.permission) and order.get("state") in ("in_repair", "in_check"))


def _sends(order: Mapping[str, Any], model: Model, session: Session) -> bool:
    """Whether this user may hand the machine over to another site."""
    slips = model.resources.get("hand-over-slips")
    create = slips and slips.create
    return bool(create and session.may(create.permission) and order.get("at_hand") and order.get("kind") == "repair" and order.get("state") in SENT)


def _revealable(resource: Resource, order: Mapping[str, Any], session: Session) -> bool:
    """Whether the customer's number is in part to this user, and may be shown to him (console/contact.py)."""
    reveal = resource.actions.get("reveal-phone")
    closed = order.get("state") in CLOSED
    return reveal is not None and not closed and session.may(reveal.permission) and not session.may(SEE_FULL)


def _document(labels: Labels, model: Model, name: str, key: Any) -> dict[str, Any] | None:
    return labels.document(Reference(name), key) if name in model.resources else None


def _quote_fields(quote_field: Any) -> Any:
    lines = next((f for f in quote_field.fields if f.name == "lines"), None) if quote_field else None
    return lines.fields if lines else ()


def _beside(order_id: str, model: Model, session: Session) -> dict[str, Any]:
    """Documents of other services about this order. A service that is away leaves a gap, no error page."""
    readable = [
        (name, model.resources[name].list)
        for name in BESIDE
        if name in model.resources and session.may(getattr(model.resources[name].list, "permission", None))
    ]

    def load(path: str) -> list[dict[str, Any]] | None:
        try:
            found: list[dict[str, Any]] = session.gateway.call(
                "GET", path, session.caller, query={"work_order_id": order_id, "limit": 20}
            )["items"]
        except Problem:
            return None
        return found

    answers = _pool.map(load, [operation.path for _, operation in readable if operation])
    return {name: answer for (name, _), answer in zip(readable, answers, strict=True)}
