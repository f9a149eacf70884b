"""A device at another site (O-101), through the gateway: handed over and repaired there, refused, lost on the road, returned; who is told; and
a unit that moves in the tree while it holds another's."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from tests.scenarios.test_streams import Stream
from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import Company, Site

pytestmark = pytest.mark.modes("embedded", "servers")


def sees(site: Site, case: Case) -> bool:
    """By id, in the list and by its number."""
    client: Client = site.as_("manager")
    found = {
        client.call("GET", f"/work-orders/{case.id}").status == 200,
        case.id in [order["id"] for order in client.get("/work-orders", limit=200)["items"]],
        case.id in [order["id"] for order in client.get("/work-orders", q=case.order["number"])["items"]],
    }
    assert len(found) == 1
    return found.pop()


def test_repaired_at_another_site_with_its_parts(company: Company):
    """Parts come from the holder's store, the money stays the owner's."""
    home, centre, stranger = company.sites
    for part in company.parts:
        company.receive(centre, [(part["id"], 5)])
    before = {site.code: stock(company, site) for site in (home, centre)}
    case = Case(company, home, patience=20).register().ship(centre)
    assert (sees(home, case), sees(centre, case), sees(stranger, case)) == (True, True, False)
    case.receive(centre).assign().start().diagnose().quote().approve()
    case.wait_for("in_repair", None)
    case.complete().check()
    assert sees(home, case) and sees(centre, case)
    [slip] = home.as_("agent").get("/hand-over-slips", work_order_id=case.id)["items"]
    assert (slip["state"], slip["received_by"]) == ("received", "赵敏")
    case.ship_back().receive(home)
    assert slip["id"] == case.slip["id"] and case.slip["state"] == "returned" and case.slip["repaired_at"]
    assert (sees(home, case), sees(centre, case)) == (True, False)
    bill = case.billed()
    assert bill["site_id"] == home.id and centre.as_("cashier").get("/bills", work_order_id=case.id)["items"] == []
    case.pay().hand_over().revisit().audit()
    used = {part["id"]: quantity for part, quantity in case.quantities}
    after = {site.code: stock(company, site) for site in (home, centre)}
    assert after[home.code] == before[home.code], "nothing of the owner's store"
    assert {part: before[centre.code][part] - after[centre.code][part] for part in used} == used


def stock(company: Company, site: Site) -> dict[str, float]:
    rows = site.as_("storekeeper").get("/stock", warehouse_id=site.good["id"], limit=200)["items"]
    return {part["id"]: sum(row["on_hand"] for row in rows if row["part_id"] == part["id"]) for part in company.parts}


def test_refused_lost_and_found(company: Company):
    home, centre, _ = company.sites
    case = Case(company, home, quantities=()).register().ship(centre)
    slip = f"/hand-over-slips/{case.slip['id']}"
    assert home.as_("agent").call("POST", f"{slip}/receive", {"received_by": "x"}).code == "forbidden"
    refused = centre.as_("agent").call("POST", f"{slip}/refuse", {"reason": "not our brand"})
    assert refused.json["state"] == "refused" and not sees(centre, case)
    case.ship(centre)
    slip = f"/hand-over-slips/{case.slip['id']}"
    lost = home.as_("agent").call("POST", f"{slip}/report-lost", {"reason": "no trace"})
    assert lost.json["state"] == "lost"
    assert case.attempt("technician", "start").code == "held_elsewhere"
    assert centre.as_("agent").call("POST", f"{slip}/find", {"reason": "behind the desk"}).json["state"] == "sent"
    case.receive(centre).start()
    timeline = [entry["type"] for entry in home.as_("agent").get(f"/work-orders/{case.id}/timeline", limit=200)["items"]]
    case.ship_back().receive(home)
    expected = ["register", "send", "refuse", "send", "report-lost", "find", "receive", "start"]
    assert timeline == [f"work_order.{action}" for action in expected]


def test_both_sites_are_told(company: Company):
    """From the moment it is on the road, until it has left; nobody else hears of it."""
    home, centre, stranger = company.sites
    with closing(Stream(centre.as_("manager"))) as there, closing(Stream(stranger.as_("manager"))) as elsewhere:
        case = Case(company, home, quantities=()).register().ship(centre).receive(centre).start()
        told = there.until(case.id, "in_repair")
        assert len(told) == 3, "sent, received, started; not what was before"
        case.ship_back().receive(home)
        case.diagnose()
        own = Case(company, centre, quantities=()).register()
        versions = []
        for _, event, data in there.messages():
            message = json.loads(data)
            if event == "work_order.changed" and message["id"] == case.id:
                versions.append(message["version"])
            if message.get("id") == own.id:
                break
        assert len(versions) == 2, "sent back and gone; of the diagnosis nothing"
        other = Case(company, stranger, quantities=()).register()
        for _, _event, data in elsewhere.messages():
            message = json.loads(data)
            assert message.get("id") != case.id
            if message.get("id") == other.id:
                break


def test_a_unit_that_moves_keeps_what_it_holds(company: Company):
    """The holder's unit gets another place in the tree: it goes on working, and gives the device back."""
    home, _, far = company.sites
    case = Case(company, home, patience=20, quantities=()).register().ship(far).receive(far).assign()
    [unit] = company.admin.get("/org-units", code=far.code)["items"]
    moved = company.admin.call("POST", f"/org-units/{unit['id']}/move", {"parent_code": company.north.code})
    assert moved.ok, moved.raw
    sign_in_again(company, far)
    try:
        eventually(lambda: far.as_("manager").call("GET", f"/work-orders/{case.id}").status == 200, "the holder sees it from its new place", 20)
        case.start()
        case.ship_back().receive(home).diagnose()
        assert sees(home, case) and not sees(far, case)
    finally:
        [unit] = company.admin.get("/org-units", code=far.code)["items"]
        back = company.admin.call("POST", f"/org-units/{unit['id']}/move", {"parent_code": company.south.code})
        assert back.ok, back.raw
        sign_in_again(company, far)


def sign_in_again(company: Company, site: Site) -> None:
    """Their tokens are of another place."""
    for role in site.clients:
        site.clients[role] = company.client(f"{role}-{site.code}".lower())
