"""Facts of the services that somebody has to act on, and who that is: those of a unit's own people who have the right to."""

from __future__ import annotations

from typing import Any

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from gateway.identity import holders, office_name
from gateway.notices.telling import MOST, Subject, tell


@on("aftersales.callcenter.follow_up.opened.v1", reads=("work_order_number",), locks=True)
def revisit_unsolved(uow: UnitOfWork, event: Event) -> None:
    """C-40: the managers of the order's site decide how it goes on."""
    _tell(uow, event, "follow_up", event.org_path, "callcenter.follow_up.close", number=event.data.get("work_order_number"))


@on("aftersales.orders.work_order.overdue.v1", reads=("number",), locks=True)
def machine_uncollected(uow: UnitOfWork, event: Event) -> None:
    """O-85: the managers of the order's site call the customer, or close it."""
    _tell(uow, event, "work_order", event.org_path, "orders.work_order.close_uncollected", number=event.data["number"])


@on("aftersales.callcenter.customer.changed_elsewhere.v1", reads=("home_path", "unit_path", "fields"), locks=True)
def customer_changed(uow: UnitOfWork, event: Event) -> None:
    """R-06: those of the unit that took him in first who may change him. Which members, never what they say."""
    site = office_name(uow, event.data["unit_path"]) or event.data["unit_path"]
    _tell(uow, event, "customer", event.data["home_path"], "callcenter.customer.update", site=site, fields=event.data["fields"])


@on("aftersales.orders.hand_over_slip.sent.v1", reads=("number",), locks=True)
def machine_on_its_way(uow: UnitOfWork, event: Event) -> None:
    """O-101: those of the site that it goes to who may receive it."""
    _tell(uow, event, "hand_over_slip", event.held_path, "orders.hand_over_slip.receive", number=event.data["number"])


@on("aftersales.orders.hand_over_slip.sent_back.v1", reads=("number",), locks=True)
def machine_on_its_way_back(uow: UnitOfWork, event: Event) -> None:
    """O-101: those of the site that it came from."""
    _tell(uow, event, "hand_over_slip", event.org_path, "orders.hand_over_slip.receive", number=event.data["number"])


def _tell(uow: UnitOfWork, event: Event, subject: str, path: str | None, right: str, **data: Any) -> None:
    """The event is the fact: each time the document's version tells it anew."""
    kind = f"{subject}.{event.verb}"
    recipients = holders(uow, path, right, MOST) if path else []
    tell(uow, f"{kind}/{event.subject}/{event.sequence}", kind, Subject(subject, event.subject), recipients, data)
