"""Dry runs (G-25): every step of a company's life and of the main case is rehearsed first. The rehearsal answers as the step
does, and leaves nothing in any table of any service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import PASSWORD, Company
from tests.support.rehearsal import Rehearsing, Watch
from tests.support.suites import RunningSuite

CASE = {
    "callcenter.customers.create", "orders.devices.create", "orders.repairs.create", "orders.repairs.assign",
    "orders.repairs.start", "orders.repairs.diagnose", "orders.repairs.quote", "orders.repairs.approve", "orders.repairs.complete",
    "orders.repairs.check", "finance.billing.pay", "orders.repairs.hand_over", "callcenter.revisits.record", "orders.repairs.audit",
}  # fmt: skip


class Rehearsed(Company):
    """A company whose every write is a dry run first."""

    def client(self, username: str, password: str = PASSWORD) -> Client:
        return rehearsing(self.admin, username, password)


def rehearsing(like: Any, username: str, password: str) -> Rehearsing:
    client = Rehearsing(like.base, username, password, check=like.check)
    client.watch, client.rehearsed = like.watch, like.rehearsed
    return client


@pytest.fixture
def watch(suite: RunningSuite) -> Iterator[Watch]:
    with closing(Watch(suite)) as watch:
        yield watch


@pytest.mark.long
def test_the_main_case_rehearsed_step_by_step(suite: RunningSuite, watch: Watch) -> None:
    first: Any = Rehearsing(suite.base, "admin", suite.password)
    first.watch, first.rehearsed = watch, set()
    company = Rehearsed(first, sites=1)
    site = company.sites[0]
    company.receive(site, [(part["id"], 10) for part in company.parts])
    number = _number(first, site.id)
    case = Case(company, site, patience=20).walk("100.00", "114.81")
    assert int(case.order["number"][2:]) == int(number[2:]) + 1, "the rehearsals used no number up"
    other = Case(company, site, patience=20).to_quoted()
    other.act("agent", "reject", {"reason": "太贵"})
    other.act("agent", "cancel", {"reason": "不修了"})
    returned = Case(company, site, patience=20).to_quoted().approve()
    requisition = eventually(lambda: first.get("/requisitions", work_order_id=returned.id)["items"], "requisition")[0]
    returned.wait_for("in_repair", None)
    returned.send(site.as_("storekeeper"), f"/requisitions/{requisition['id']}/issue", {})
    for path, change in (
        (f"/customers/{case.customer['id']}", {"name": "王芳"}), (f"/devices/{case.device['id']}", {"purchased_on": "2025-01-02"}),
        (f"/products/{company.product['id']}", {"name": "another"}), (f"/parts/{company.parts[0]['id']}", {"price": "26.00"}),
        (f"/sites/{site.id}", {"name": "another"}), (f"/technicians/{site.technician['id']}", {"name": "another"}),
        (f"/warehouses/{site.good['id']}", {"name": "another"}), (f"/labour-rates/{company.rate['id']}", {"hourly_rate": "101.00"}),
    ):
        assert first.call("PATCH", path, change).ok, path
    lacking = {verb for verb in CASE if verb not in first.rehearsed}
    assert not lacking and len(first.rehearsed) >= 30, f"not rehearsed: {lacking}; were: {sorted(first.rehearsed)}"


def _number(admin: Any, site_id: str) -> str:
    """The number that a real order gets."""
    made = admin.created("/work-orders", {"kind": "repair", "channel": "phone", "site_id": site_id, "problem": "x"})
    return str(made["number"])
