"""Follow-ups as the API shows them."""

from typing import Any

from chassis.domain.principal import Principal
from chassis.http.views import stamps
from services.callcenter.follow_ups.follow_up import MACHINE, FollowUp

SHOWN = (
    "id", "state", "revisit_id", "work_order_id", "work_order_number", "site_id", "customer_id", "comment", "solved", "reason",
    "closed_at", "closed_by",
)  # fmt: skip


def follow_up(found: FollowUp, principal: Principal) -> dict[str, Any]:
    return {
        **{name: getattr(found, name) for name in SHOWN},
        "allowed_actions": MACHINE.allowed(found, principal),
        **stamps(found),
    }
