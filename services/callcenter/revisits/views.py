"""Revisit tasks as the API shows them."""

from typing import Any

from chassis.domain.principal import Principal
from chassis.http.views import stamps
from services.callcenter.revisits.revisit import MACHINE, Revisit


def revisit(revisit: Revisit, principal: Principal) -> dict[str, Any]:
    return {
        "id": revisit.id,
        "state": revisit.state,
        "work_order_id": revisit.work_order_id,
        "work_order_number": revisit.work_order_number,
        "site_id": revisit.site_id,
        "customer_id": revisit.customer_id,
        "completed_on": revisit.completed_on,
        "due_on": revisit.due_on,
        "solved": revisit.solved,
        "score": revisit.score,
        "comment": revisit.comment,
        "recorded_at": revisit.recorded_at,
        "recorded_by": revisit.recorded_by,
        "allowed_actions": MACHINE.allowed(revisit, principal),
        **stamps(revisit),
    }
