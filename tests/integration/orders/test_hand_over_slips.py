"""Devices that go to another site and come back (O-101): who may do what, what each sees, and one holder at any time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.orders.conftest import Job, Shop
from tests.support.serving import Served


class Road:
    """An order of one site, and another site that repairs it."""

    def __init__(self, api: Served) -> None:
        self.api = api
        self.home, self.centre, self.third = Shop(api, branch="EAST"), Shop(api, branch="EAST"), Shop(api, branch="WEST")
        self.job: Job = self.home.order(problem="screen broken 异响", device_id=self.home.device(serial_number=f"SN{self.home.code}")["id"])
        self.slip: dict[str, Any] = {}

    def send(self, to: Shop | None = None, scope: str | None = None, **more: Any) -> dict[str, Any]:
        body = {"work_order_id": self.job.id, "to_site_id": (to or self.centre).site["id"], "given_by": "王芳", **more}
        self.slip = self.home.ok("POST", "/hand-over-slips", body, scope=scope or self.home.path)
        return self.slip

    def act(self, action: str, by: Shop, body: Any = None, slip: dict[str, Any] | None = None) -> dict[str, Any]:
        given = body or ({"received_by": "赵敏"} if action == "receive" else {"given_by": "赵敏"} if action == "send-back" else {"reason": "so"})
        done = self.home.ok("POST", f"/hand-over-slips/{(slip or self.slip)['id']}/{action}", given, scope=by.path)
        if slip is None:
            self.slip = done
        return done

    def attempt(self, action: str, by: Shop, body: Any = None) -> Any:
        given = body or ({"received_by": "x"} if action == "receive" else {"given_by": "x"} if action == "send-back" else {"reason": "so"})
        return self.api.call("POST", f"/hand-over-slips/{self.slip['id']}/{action}", given, scope=by.path)

    def sees(self, shop: Shop) -> bool:
        """In detail, list, count, search and timeline alike."""
        path, params = f"/work-orders/{self.job.id}", {"scope": shop.path}
        answers = {
            "detail": self.api.call("GET", path, **params).status_code == 200,
            "timeline": self.api.call("GET", f"{path}/timeline", **params).status_code == 200,
            "list": self.job.id in [o["id"] for o in self.api.call("GET", "/work-orders", **params, limit="200").json()["items"]],
            "search": self.job.id in [o["id"] for o in self.api.call("GET", "/work-orders", **params, q="异响", limit="200").json()["items"]],
            "number": [self.job.id] == [o["id"] for o in self.api.call("GET", "/work-orders", **params, q=self.job.document["number"]).json()["items"]],
            "slips": bool(self.api.call("GET", "/hand-over-slips", **params, work_order_id=self.job.id, total="true").json()["total"]),
        }
        answers.pop("slips")
        assert len(set(answers.values())) == 1, (shop.code, answers)
        return answers["detail"]

    def seen(self, shop: Shop) -> dict[str, Any]:
        document: dict[str, Any] = self.home.ok("GET", f"/work-orders/{self.job.id}", scope=shop.path)
        return document


@pytest.fixture
def road(api: Served) -> Road:
    return Road(api)


def test_there_and_back(road: Road):
    """The whole stay: sent, received, repaired there, sent back, collected; two signatures each way, two receivers."""
    home, centre, third = road.home, road.centre, road.third
    assert (road.sees(home), road.sees(centre), road.sees(third)) == (True, False, False)
    slip = road.send(remark="charger, scratch on the lid")
    assert slip["number"].startswith("HS") and slip["state"] == "sent" and slip["quantity"] == 1
    assert (slip["from_site_name"], slip["to_site_name"]) == (home.site["name"], centre.site["name"])
    assert (slip["fault"], slip["serial_number"]) == ("screen broken 异响", f"SN{home.code}")
    # On the road both see it, and nobody works on it.
    assert (road.sees(home), road.sees(centre), road.sees(third)) == (True, True, False)
    for shop in (home, centre):
        shown = road.seen(shop)
        assert (shown["held_site_id"], shown["bound_site_id"], shown["at_hand"]) == (None, centre.site["id"], False)
        assert not {"assign", "start"} & set(shown["allowed_actions"])
        home.refused(road.job.attempt("start", scope=shop.path), 409, "held_elsewhere")
    assert road.act("receive", centre)["received_by"] == "赵敏"
    shown = road.seen(centre)
    assert (shown["held_site_id"], shown["bound_site_id"], shown["at_hand"]) == (centre.site["id"], None, True)
    assert (shown["site_name"], shown["held_site_name"]) == (home.site["name"], centre.site["name"])
    assert {"assign", "start"} <= set(shown["allowed_actions"]) and "cancel" not in shown["allowed_actions"]
    assert {"assign", "start"}.isdisjoint(road.seen(home)["allowed_actions"]) and "cancel" in road.seen(home)["allowed_actions"]
    # The repair is the holder's, with his technician; what the customer says is the owner's.
    home.refused(road.job.attempt("assign", {"technician_id": home.technician["id"]}, scope=home.path), 409, "held_elsewhere")
    home.refused(road.job.attempt("assign", {"technician_id": home.technician["id"]}, scope=centre.path), 422, "unknown_reference")
    home.refused(road.job.attempt("assign", {"technician_id": home.technician["id"]}), 422, "unknown_reference", field="technician_id")
    road.job.do("assign", {"technician_id": centre.technician["id"]}, scope=centre.path)
    assert road.seen(home)["technician_name"] == "李雷", "the owner sees who repairs it"
    road.job.do("start", {}, scope=centre.path)
    road.job.do("diagnose", {"symptom": "dark", "cause": "crack", "finding": "panel"}, scope=centre.path)
    road.job.do("quote", {"labour": [{"rate_code": centre.rate, "hours": 1}], "parts": []}, scope=centre.path)
    home.refused(road.job.attempt("approve", {"approved_by": "王芳"}, scope=centre.path), 409, "owned_elsewhere")
    road.job.do("approve", {"approved_by": "王芳"}, scope=home.path)
    road.job.do("complete", {"work_done": "panel replaced"}, scope=centre.path)
    road.job.do("check", {"passed": True}, scope=centre.path)
    home.refused(road.job.attempt("hand-over", {"received_by": "王芳"}, scope=home.path), 409, "held_elsewhere")
    home.refused(road.job.attempt("hand-over", {"received_by": "王芳"}, scope=centre.path), 409, "owned_elsewhere")
    road.act("send-back", centre)
    assert (road.slip["state"], road.slip["returned_by"]) == ("sent_back", "赵敏")
    slip = road.act("receive", home, {"received_by": "韩梅梅"})
    assert (slip["state"], slip["received_by"], slip["collected_by"]) == ("returned", "赵敏", "韩梅梅")
    assert slip["repaired_at"] and slip["received_at"] < slip["repaired_at"] < slip["collected_at"]
    assert slip["allowed_actions"] == []
    # It is as before; who had it keeps the slip and sees the order no more.
    assert (road.sees(home), road.sees(centre), road.sees(third)) == (True, False, False)
    assert home.ok("GET", f"/hand-over-slips/{slip['id']}", scope=centre.path)["state"] == "returned"
    assert road.api.call("GET", f"/hand-over-slips/{slip['id']}", scope=third.path).status_code == 404
    assert road.seen(home)["held_site_id"] is None and road.seen(home)["technician_id"] is None
    told = [entry["type"] for entry in home.ok("GET", f"/work-orders/{road.job.id}/timeline", scope=home.path, limit="200")["items"]]
    assert [kind for kind in told if kind.split(".")[1] in ("send", "receive", "send-back")] == [
        "work_order.send", "work_order.receive", "work_order.send-back", "work_order.receive",
    ]  # fmt: skip


def test_refused_and_taken_back(road: Road):
    road.send()
    for shop in (road.home, road.third):
        answer = road.attempt("refuse", shop)
        assert answer.status_code == (403 if shop is road.home else 404)
    assert road.attempt("take-back", road.centre).status_code == 403
    road.home.refused(road.attempt("refuse", road.centre, {"reason": " "}), 400, "validation_failed")
    assert road.act("refuse", road.centre, {"reason": "not our brand"})["reason"] == "not our brand"
    assert (road.sees(road.home), road.sees(road.centre)) == (True, False)
    assert road.seen(road.home)["at_hand"]
    assert road.attempt("receive", road.centre).status_code == 409, "it has ended"
    road.send()
    assert road.act("take-back", road.home)["state"] == "taken_back"
    assert not road.sees(road.centre)
    # On its way back it may be refused as well: then it is where it was.
    road.send()
    road.act("receive", road.centre)
    road.act("send-back", road.centre)
    assert road.act("refuse", road.home, {"reason": "still broken"})["state"] == "received"
    assert road.seen(road.centre)["at_hand"] and not road.seen(road.home)["at_hand"]


def test_lost_on_the_road(road: Road):
    road.send()
    assert road.act("report-lost", road.home, {"reason": "courier has no trace"})["state"] == "lost"
    for shop in (road.home, road.centre):
        assert road.seen(shop)["at_hand"] is False
        assert road.attempt("receive", shop).status_code == 409
    assert road.act("find", road.centre, {"reason": "behind the desk"})["state"] == "sent"
    road.act("receive", road.centre)
    road.act("send-back", road.centre)
    road.act("report-lost", road.home)
    assert road.act("find", road.home)["state"] == "sent_back", "on the road it was on"
    assert road.act("take-back", road.centre)["state"] == "received"


def test_by_way_of_a_third_site(road: Road):
    """It goes back the way it came: nobody's slip stays open."""
    first = road.send()
    road.act("receive", road.centre)
    second = road.send(road.third, scope=road.centre.path)
    assert road.sees(road.home) and road.sees(road.third), "owner and addressee"
    assert second["id"] in [s["id"] for s in road.home.ok("GET", "/hand-over-slips", scope=road.home.path, work_order_id=road.job.id)["items"]]
    road.act("receive", road.third)
    assert not road.sees(road.centre)
    refused = road.api.call("POST", f"/hand-over-slips/{first['id']}/send-back", {"given_by": "x"}, scope=road.centre.path)
    assert refused.status_code in (404, 409), "it is not there"
    for to in (road.home, road.centre, road.third):
        body = {"work_order_id": road.job.id, "to_site_id": to.site["id"], "given_by": "x"}
        road.home.refused(road.api.call("POST", "/hand-over-slips", body, scope=road.third.path), 409, "duplicate", field="to_site_id")
    road.act("send-back", road.third, slip=second)
    road.act("receive", road.centre, slip=second)
    road.act("send-back", road.centre, slip=first)
    assert road.act("receive", road.home, slip=first)["state"] == "returned"
    assert (road.sees(road.home), road.sees(road.centre), road.sees(road.third)) == (True, False, False)


def test_what_is_refused(road: Road):
    unknown = "0199e3a0-0000-7000-8000-000000000000"

    def send(scope: str, **body: Any) -> Any:
        whole = {"work_order_id": road.job.id, "to_site_id": road.centre.site["id"], "given_by": "x", **body}
        return road.api.call("POST", "/hand-over-slips", whole, scope=scope)

    road.home.refused(send(road.home.path, to_site_id=unknown), 422, "unknown_reference", field="to_site_id")
    road.home.refused(send(road.home.path, to_site_id=road.home.technician["id"]), 422, "unknown_reference", field="to_site_id")
    road.home.refused(send(road.home.path, to_site_id=road.home.site["id"]), 409, "duplicate", field="to_site_id")
    road.home.refused(send(road.home.path, work_order_id=unknown), 422, "unknown_reference", field="work_order_id")
    road.home.refused(send(road.centre.path), 422, "unknown_reference", field="work_order_id")
    road.home.refused(send(road.home.path, given_by=""), 400, "validation_failed")
    road.home.refused(send(road.home.path, held_path="/HQ/"), 400, "validation_failed")
    road.send()
    road.home.refused(send(road.home.path), 409, "held_elsewhere")
    road.home.refused(send(road.centre.path, to_site_id=road.third.site["id"]), 409, "held_elsewhere")
    answer = road.api.call("POST", f"/hand-over-slips/{road.slip['id']}/receive", {"received_by": "x"}, scope=road.centre.path, headers={"If-Match": '"7"'})
    road.home.refused(answer, 409, "stale_version")
    cancelled = road.home.order()
    cancelled.do("cancel", {"reason": "x"})
    road.home.refused(send(road.home.path, work_order_id=cancelled.id), 409, "bad_transition")


def test_a_cancelled_order_comes_back(road: Road):
    """Whatever becomes of the order, the device has to come home."""
    road.send()
    road.act("receive", road.centre)
    road.home.refused(road.job.attempt("cancel", {"reason": "x"}, scope=road.centre.path), 409, "owned_elsewhere")
    road.job.do("cancel", {"reason": "customer gave up"}, scope=road.home.path)
    road.act("send-back", road.centre)
    assert road.act("receive", road.home)["state"] == "returned"


def test_the_words_of_a_corrected_problem_are_found_by_both(road: Road):
    road.send()
    road.act("receive", road.centre)
    road.home.ok("PATCH", f"/work-orders/{road.job.id}", {"problem": "battery 鼓包"}, scope=road.home.path)
    answer = road.api.call("PATCH", f"/work-orders/{road.job.id}", {"problem": "x"}, scope=road.centre.path)
    road.home.refused(answer, 409, "owned_elsewhere")
    for shop in (road.home, road.centre):
        assert [o["id"] for o in road.home.ok("GET", "/work-orders", scope=shop.path, q="鼓包")["items"]] == [road.job.id]
        assert road.home.ok("GET", "/work-orders", scope=shop.path, q="异响")["items"] == []


def test_sites_are_known_by_name_only(road: Road):
    """Where it may be sent: any site of the company, code and name, and nothing else of it."""
    found = road.home.ok("GET", "/site-directory", scope=road.home.path, q=road.third.code)["items"]
    assert found == [{"id": road.third.site["id"], "code": road.third.code, "name": road.third.site["name"]}]
    assert road.api.call("GET", f"/sites/{road.third.site['id']}", scope=road.home.path).status_code == 404
    assert road.home.ok("GET", f"/site-directory/{road.third.site['id']}", scope=road.home.path) == found[0]
    assert road.api.call("GET", f"/site-directory/{road.third.technician['id']}", scope=road.home.path).status_code == 404
