"""What people can do with requisitions."""

from __future__ import annotations

from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from services.inventory.kernel import number
from services.inventory.requisitions.follow import load
from services.inventory.requisitions.requisition import MACHINE, Requisition, State
from services.inventory.requisitions.sheet import Sheet
from services.inventory.stock import InsufficientStock, lock_site, open_store, save


def issue(uow: UnitOfWork, requisition_id: UUID) -> Sheet:
    """The storekeeper's early issue (I-23, I-50): everything that is needed and not yet out, or nothing.

    A second call changes nothing. Raises InsufficientStock with the short ``parts``; BadTransition without approved quote.
    """
    seen = uow.one(Requisition, id=requisition_id)
    if seen is None:
        raise NotFound()
    site = lock_site(uow, seen.site_id)  # before the requisition itself, as everybody does
    assert site is not None  # a requisition is made from it
    requisition = uow.get(Requisition, requisition_id)
    sheet = load(uow, id=requisition_id)[requisition_id]
    if requisition.state in (State.OUT, State.DONE):
        return sheet
    MACHINE.require(requisition, "issue")
    short = [line for line in sheet.lines.values() if line.missing]
    if short:
        raise InsufficientStock(
            parts=[
                {"part_id": line.part_id}
                | {name: number(getattr(line, name)) for name in ("needed", "reserved", "short")}
                for line in short
            ]
        )
    store = open_store(uow, site, sheet.lines)
    sheet.issue(store)
    sheet.conclude("issue", uow.actor, uow.now)
    save(uow, store)
    return sheet
