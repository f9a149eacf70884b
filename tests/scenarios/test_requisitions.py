"""Parts fetched by hand through the whole suite (I-50, I-24): beside what is planned, inside the workshop, kept for a while."""

from datetime import UTC, datetime, timedelta

from tests.support.case import Case
from tests.support.client import AT_ONCE, eventually
from tests.support.company import Company


def test_a_repair_whose_parts_are_fetched_with_two_sheets(company: Company):
    """The technician asks, the storekeeper hands out; the order knows of sums only, and its bill of what its quote says."""
    site, part, grease = company.sites[0], company.part("10.00"), company.part("3.00")
    company.receive(site, [(part["id"], 9), (grease["id"], 9)])
    technician, keeper = site.as_("technician"), site.as_("storekeeper")
    case = Case(company, site, hours=0, quantities=[(part, 3)]).to_quoted().approve()
    case.wait_for("in_repair", None)

    slip = technician.created("/requisitions", {"work_order_id": case.id, "lines": [{"part_id": part["id"], "quantity": 2}]})
    inside = technician.created("/requisitions", {"work_order_id": case.id, "type": "internal", "lines": [{"part_id": grease["id"], "quantity": 1}], "draft": True})
    assert (slip["state"], slip["technician_id"], inside["state"]) == ("processing", case.order["technician_id"], "draft")
    more = technician.call("POST", "/requisitions", {"work_order_id": case.id, "lines": [{"part_id": part["id"], "quantity": 2}]})
    assert (more.status, more.code, more.json["parts"]) == (422, "over_quote", [{"part_id": part["id"], "quantity": 2, "open": 1}])
    assert technician.call("POST", f"/requisitions/{slip['id']}/issue", {}).code == "forbidden"
    assert keeper.call("POST", f"/requisitions/{slip['id']}/issue", {}).json["state"] == "out"

    def refused() -> list[str]:
        answer = case.attempt("technician", "complete", {"work_done": "done"}, headers=AT_ONCE)
        assert answer.code == "parts_not_issued", answer.raw
        return [item["id"] for item in answer.json.get("requisitions", [])]

    eventually(lambda: refused() == [inside["id"]], "a draft holds the order up")
    technician.call("POST", f"/requisitions/{inside['id']}/apply", {})
    assert keeper.call("POST", f"/requisitions/{inside['id']}/issue", {}).json["state"] == "out"
    case.complete().check()
    assert [(line["ref"], line["quantity"]) for line in case.billed()["lines"]] == [(part["id"], 3)], "what is internal is nobody's bill"
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (6, 0, 6), "the third one went out when the repair was done")
    back = keeper.call("POST", f"/requisitions/{inside['id']}/return", {"lines": [{"part_id": grease["id"], "quantity": 1, "quality": "good"}]})
    assert (back.status, back.json["state"], company.stock(grease["id"], site.good["id"])) == (200, "done", (9, 0, 9))


def test_what_is_kept_until_a_moment_is_free_then(company: Company):
    """By the timer, without anybody's doing; who waits is served."""
    site, part = company.sites[1], company.part("10.00")
    company.receive(site, [(part["id"], 2)])
    keeper = site.as_("storekeeper")
    body = {"site_id": site.id, "lines": [{"part_id": part["id"], "quantity": 2}]}
    draft = keeper.created("/requisitions", {**body, "draft": True})
    until = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    kept = keeper.call("POST", f"/requisitions/{draft['id']}/reserve", {"lines": body["lines"], "until": until})
    assert (kept.status, company.stock(part["id"], site.good["id"])) == (200, (2, 2, 0))
    case = Case(company, site, hours=0, quantities=[(part, 1)]).to_quoted().approve()
    assert case.reload()["waiting_for"] == "parts"
    case.wait_for("in_repair", None, within=30)
    assert company.stock(part["id"], site.good["id"]) == (2, 1, 1)
    case.act("agent", "cancel", {"reason": "end of test"})
