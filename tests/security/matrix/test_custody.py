"""Owner, holder, addressee and stranger of one device (O-101): which action of its order is whose, asked of the running suite by the manager
of each site, who has every right."""

from __future__ import annotations

import pytest

from chassis.domain.custody import Side
from services.orders.repairs.kinds import KINDS
from tests.security.matrix.cells import table
from tests.security.matrix.world import World
from tests.support.case import Case

OPEN_AT_ONCE = {"assign": {"technician_id": ""}, "start": {}, "cancel": {"reason": "x"}}
"""Actions that an order has as soon as it is registered."""


def test_whose_action_is_whose():
    """expectations.yaml says it by hand; the tables of the kinds are held against it."""
    expected = table()["custody"]
    for kind, machine in KINDS.items():
        offered = {move.action: {str(side) for side in move.by} for move in machine.moves.values() if move.permission}
        assert offered == {action: set(sides) for action, sides in expected.items() if action in offered}, kind
    assert set(expected) == {move.action for machine in KINDS.values() for move in machine.moves.values() if move.permission}


@pytest.mark.slow
def test_each_side_over_http(world: World):
    a, b, c = world.company.sites
    case = Case(world.company, a, quantities=()).register()
    slip = a.as_("manager").created("/hand-over-slips", {"work_order_id": case.id, "to_site_id": b.id, "given_by": "x"})

    def answers(action: str) -> dict[str, str]:
        body = {"technician_id": b.technician["id"]} if action == "assign" else OPEN_AT_ONCE[action]
        found = {}
        for name, site in (("owner", a), ("other", b), ("stranger", c)):
            answer = site.as_("manager").call("POST", f"/work-orders/{case.id}/{action}", body)
            found[name] = answer.code or str(answer.status)
        return found

    held, owned = "held_elsewhere", "owned_elsewhere"
    # Between ship and receipt nobody has it; the addressee sees it and may do nothing but receive or refuse.
    for action in ("assign", "start"):
        assert answers(action) == {"owner": held, "other": held, "stranger": "not_found"}
    refused = {site.code: site.as_("manager").call("POST", f"/work-orders/{case.id}/cancel", {"reason": "x"}).code for site in (b, c)}
    assert refused == {b.code: owned, c.code: "not_found"}
    assert a.as_("manager").call("POST", f"/hand-over-slips/{slip['id']}/receive", {"received_by": "x"}).code == "forbidden"
    assert c.as_("manager").call("POST", f"/hand-over-slips/{slip['id']}/receive", {"received_by": "x"}).code == "not_found"
    assert b.as_("manager").call("POST", f"/hand-over-slips/{slip['id']}/receive", {"received_by": "x"}).ok
    for action in ("assign", "start"):
        assert answers(action) == {"owner": held, "other": "200", "stranger": "not_found"}
    for site, expected in ((b, owned), (c, "not_found")):
        assert site.as_("manager").call("POST", f"/work-orders/{case.id}/cancel", {"reason": "x"}).code == expected
        assert site.as_("manager").call("PATCH", f"/work-orders/{case.id}", {"problem": "x"}).code == expected
    assert a.as_("manager").call("PATCH", f"/work-orders/{case.id}", {"problem": "put right"}).ok
    offered = {site.code: set(site.as_("manager").get(f"/work-orders/{case.id}")["allowed_actions"]) for site in (a, b)}
    for code, side in ((a.code, Side.OWNER), (b.code, Side.HOLDER)):
        assert all(str(side) in table()["custody"][action] for action in offered[code]), offered
    assert offered[a.code] == {"cancel"} and "diagnose" in offered[b.code]
