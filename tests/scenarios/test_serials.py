"""A part with serial numbers through the whole suite (I-22): in by number, out by number, back by number, at one place all the time."""

from tests.support.case import Case
from tests.support.client import AT_ONCE, eventually
from tests.support.company import Company


def test_pieces_of_a_repair(company: Company):
    site, mark = company.sites[0], company.mark
    keeper = site.as_("storekeeper")
    part = keeper.created("/parts", {"number": f"ENG-{mark}", "name": "engine", "unit": "pcs", "price": "10.00", "serial_tracked": True})
    line = {"part_id": part["id"], "quantity": 2, "unit_cost": "7.1234", "serial_numbers": ["E-1", "E-2"]}
    receipt = keeper.created("/stock-receipts", {"warehouse_id": site.good["id"], "lines": [line]})
    assert len(receipt["movement_ids"]) == 2 and receipt["total"] == "14.25"

    case = Case(company, site, hours=0, quantities=[(part, 2)]).to_quoted().approve()
    case.wait_for("in_repair", None)
    refused = case.attempt("technician", "complete", {"work_done": "done"}, headers=AT_ONCE)
    assert (refused.status, refused.code, [line["part_id"] for line in refused.json["parts"]]) == (409, "parts_not_issued", [part["id"]])

    (requisition,) = keeper.get("/requisitions", work_order_id=case.id)["items"]
    issue = f"/requisitions/{requisition['id']}/issue"
    assert (keeper.call("POST", issue, {}).code, keeper.get("/serials", work_order_id=case.id)["items"]) == ("serial_count", [])
    issued = keeper.call("POST", issue, {"serials": [{"part_id": part["id"], "serial_numbers": ["e1", "E-2"]}]})
    assert issued.status == 200 and len(issued.json["movement_ids"]) == 2

    def returned() -> bool:  # orders hears of the issue a moment later
        lines = [{"part_id": part["id"], "quantity": 1, "quality": "bad", "serial_numbers": ["E-2"]}]
        return case.attempt("storekeeper", "return-parts", {"lines": lines}).status == 200

    eventually(returned, "one piece comes back")
    eventually(lambda: [item["number"] for item in keeper.get("/serials", work_order_id=case.id)["items"]] == ["E-1"], "the other is out")
    case.complete().check()
    assert [(line["quantity"], line["net"]) for line in case.billed()["lines"]] == [(1, "10.00")]
    (back,) = keeper.get("/serials", part_id=part["id"], number="E-2")["items"]
    assert (back["place"], back["quality"], back["warehouse_code"]) == ("warehouse", "bad", site.bad["code"])
    kinds = [item["kind"] for item in keeper.get("/stock-movements", serial_id=back["id"], sort="at")["items"]]
    assert kinds == ["receipt", "issue", "return"]
