"""Parts that are tracked by serial number (I-22) as orders sees them: from what inventory says of its requisition."""

from __future__ import annotations

from tests.integration.orders.conftest import Job, Shop
from tests.integration.orders.test_quick_jobs import Counter


def by_serial(job: Job, out: tuple[str, ...] = (), returned: float = 0, **changed: bool) -> Job:
    """The second part is tracked; these of its two pieces are out, the first part is reserved, or out with them."""
    told = job.requisition(issued=bool(out), returned=0)
    told["lines"][1] |= {"reserved": 2 - len(out), "issued": len(out) + returned, "returned": returned, "serial_numbers": list(out)}
    return job.tell("inventory.requisition.changed", {**told, **changed})


def test_an_order_is_not_complete_before_its_pieces_are_out(shop: Shop) -> None:
    job = by_serial(shop.order().to_approved())
    refused = shop.refused(job.attempt("complete", {"work_done": "x"}), 409, "parts_not_issued")
    assert [line["part_id"] for line in refused["parts"]] == [shop.parts[1]]
    assert [(gate["action"], gate["code"]) for gate in job.reload()["gates"] if gate["action"] == "complete"] == [("complete", "parts_not_issued")]
    by_serial(job, ("SN-1",), issued_all=False)
    shop.refused(job.attempt("complete", {"work_done": "x"}), 409, "parts_not_issued")
    by_serial(job, ("SN-1", "SN-2")).do("complete", {"work_done": "x"})
    assert job.where == ("in_check", None)


def test_pieces_come_back_by_number(shop: Shop) -> None:
    job = by_serial(shop.order().to_approved(), ("SN-1", "SN-2"))
    line = {"part_id": shop.parts[1], "quantity": 1, "quality": "good"}
    other = {"part_id": shop.parts[0], "quantity": 1, "quality": "good"}
    for lines, status, code, members in (
        ([line], 422, "serial_count", {"field": "lines.0.serial_numbers"}),
        ([{**line, "serial_numbers": ["SN-1", "SN-2"]}], 422, "serial_count", {"field": "lines.0.serial_numbers"}),
        ([{**line, "quantity": 0.5, "serial_numbers": ["SN-1"]}], 422, "serial_count", {"field": "lines.0.serial_numbers"}),
        ([{**other, "serial_numbers": ["SN-1"]}], 422, "serial_count", {"field": "lines.0.serial_numbers"}),
        ([{**line, "serial_numbers": ["SN-9"]}], 409, "over_return", {"parts": [{"part_id": shop.parts[1], "quantity": 2, "serial_numbers": ["SN-9"]}]}),
        ([{**line, "serial_numbers": ["SN-1"]}, {**line, "quality": "bad", "serial_numbers": ["sn1"]}], 422, "duplicate_line",
         {"field": "lines.1.serial_numbers.0"}),
    ):  # fmt: skip
        shop.refused(job.attempt("return-parts", {"lines": lines}), status, code, **members)
    job.do("return-parts", {"lines": [{**line, "serial_numbers": ["ｓｎ 1"]}, other]})
    told = shop.served.events(job.id)[-1][2]["returns"]
    assert [item.get("serial_numbers") for item in told] == [["SN-1"], None] == [item.get("serial_numbers") for item in job.reload()["returns"]]
    shop.refused(job.attempt("return-parts", {"lines": [{**line, "serial_numbers": ["SN-1"]}]}), 409, "over_return")
    by_serial(job, ("SN-2",), returned=1)
    shop.refused(job.attempt("return-parts", {"lines": [{**line, "serial_numbers": ["SN-1"]}]}), 409, "over_return")
    job.do("return-parts", {"lines": [{**line, "quality": "bad", "serial_numbers": ["SN-2"]}]})
    by_serial(job, ("SN-1",), returned=2)  # the first piece is out once more
    job.do("return-parts", {"lines": [{**line, "serial_numbers": ["SN-1"]}]})


def test_a_quick_job_with_pieces_is_given_up(shop: Shop, patience: None) -> None:
    """Nobody hands out pieces by number while a counter waits."""
    counter = Counter(shop)
    job = by_serial(counter.job("in_repair"))
    refused = shop.refused(counter.over(), 409, "parts_not_issued")
    assert [line["part_id"] for line in refused["parts"]] == [shop.parts[1]]
    assert job.where[0] in ("cancelling", "cancelled")
