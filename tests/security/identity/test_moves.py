"""G-11: a site moves to another branch. Its people's scope changes with the next call, its documents follow everywhere."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.security.matrix.cells import table as expectations
from tests.security.matrix.test_rls import SERVICES, TABLES
from tests.security.matrix.world import World
from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import Company
from tests.support.databases import databases, owner

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def company(world: World) -> Company:
    return Company(world.admin)


def unit(admin: Client, code: str) -> dict[str, Any]:
    found: dict[str, Any] = admin.get("/org-units", code=code)["items"][0]
    return found


def paths(world: World, prefix: str) -> dict[str, int]:
    """Rows below a path, by service and table, in all five databases: {"orders.work_orders": 3}."""
    found = {}
    for service in SERVICES:
        for name, _, _, has_path in owner(world.suite, service, TABLES):
            if has_path and name not in expectations()["unscoped_tables"] and name != "audit_entries":
                [(count,)] = owner(world.suite, service, f"SELECT count(*) FROM {name} WHERE org_path LIKE %s", prefix + "%")
                if count:
                    found[f"{service}.{name}"] = count
    return found


def test_a_site_moves_with_all_it_has(world: World, company: Company):
    admin, site = world.admin, company.sites[0]
    company.receive(site, [(part["id"], 20) for part in company.parts])
    case = Case(company, site, patience=20).walk("1.00", "213.81")
    waiting = Case(company, site, patience=20).to_quoted()
    former, current = site.path, f"{company.south.path}{site.code}/"
    agent, north, south = site.as_("agent"), company.north.as_("manager"), company.south.as_("manager")
    token = agent.sign_in()["access_token"]
    assert north.call("GET", f"/work-orders/{case.id}").status == 200
    assert south.call("GET", f"/work-orders/{case.id}").status == 404
    before = paths(world, former)
    assert len(before) > 20, before

    moved = admin.call("POST", f"/org-units/{unit(admin, site.code)['id']}/move", {"parent_code": company.south.code})
    assert moved.status == 200 and moved.json["path"] == current, moved.raw
    assert Client(agent.base, token=token).call("GET", "/me").status == 401, "a token with the old scope is void at once"
    assert agent.get("/me")["org_path"] == current

    eventually(lambda: not paths(world, former), "nothing is left under the old path", 20)
    after = paths(world, current)
    growing = {"gateway.sessions", "gateway.journal", "orders.journal"}
    assert {name: count for name, count in before.items() if name not in growing} == {
        name: count for name, count in after.items() if name not in growing}
    assert all(after[name] >= before.get(name, 0) for name in growing)
    for client, status in ((agent, 200), (north, 404), (south, 200)):
        for path in (f"/work-orders/{case.id}", f"/work-orders/{case.id}/timeline", f"/sites/{site.id}", f"/warehouses/{site.good['id']}"):
            assert client.call("GET", path).status == status, path
    for client, status in ((north, 404), (south, 200)):
        assert client.call("GET", f"/bills/{case.bill['id']}").status == status
    assert case.id not in {item["id"] for item in north.pages("/work-orders")}
    assert case.id in {item["id"] for item in south.pages("/work-orders")}

    # Life goes on in the new place, with documents begun before the move.
    waiting.approve().complete().check().pay().hand_over().revisit().audit()
    assert south.get(f"/work-orders/{waiting.id}")["state"] == "audited"
    assert paths(world, former) == {}
    checked = world.suite.here("reconcile", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_was_on_its_way_is_gathered(world: World, company: Company):
    """A row that lands under the old path after the move comes home, also after several moves."""
    admin, site = world.admin, company.sites[1]
    first = site.path
    unit_id = unit(admin, site.code)["id"]
    for parent in (company.south.code, "HQ", company.south.code):
        assert admin.call("POST", f"/org-units/{unit_id}/move", {"parent_code": parent}).status == 200
    home = f"{company.south.path}{site.code}/"
    eventually(lambda: not paths(world, first), "moved", 20)
    owner(world.suite, "orders", "UPDATE technicians SET org_path = %s WHERE org_path = %s", first, home)
    owner(world.suite, "finance", "UPDATE site_copies SET org_path = %s WHERE org_path = %s", f"/HQ/{site.code}/", home)
    eventually(lambda: not paths(world, first) and not paths(world, f"/HQ/{site.code}/"), "the strays came home", 20)
    assert admin.call("POST", f"/org-units/{unit_id}/move", {"parent_code": company.north.code}).status == 200
    eventually(lambda: paths(world, first) and not paths(world, home), "and back again", 20)


def test_moves_that_are_refused(world: World, company: Company):
    admin, site = world.admin, company.sites[2]
    site_id, branch_id = unit(admin, site.code)["id"], unit(admin, company.south.code)["id"]
    move = f"/org-units/{site_id}/move"
    admin.refused("POST", move, {"parent_code": "nowhere"}, status=422, code="unknown_reference")
    admin.refused("POST", move, {"parent_code": company.sites[0].code}, status=400, code="validation_failed")
    admin.refused("POST", move, {"parent_code": site.code}, status=400, code="validation_failed")
    admin.refused("POST", f"/org-units/{branch_id}/move", {"parent_code": company.north.code}, status=400, code="validation_failed")
    admin.refused("POST", f"/org-units/{unit(admin, 'HQ')['id']}/move", {"parent_code": "HQ"}, status=404, code="not_found")
    # An administrator of a branch: neither out of his branch, nor into it what is not his.
    username = f"admin-{uuid.uuid4().hex[:8]}"
    company.user(username, company.south.code, ["admin"])
    own = company.client(username)
    own.refused("POST", move, {"parent_code": company.north.code}, status=422, code="unknown_reference")
    foreign = unit(admin, company.sites[1].code)["id"]
    own.refused("POST", f"/org-units/{foreign}/move", {"parent_code": company.south.code}, status=404, code="not_found")
    same = admin.call("POST", move, {"parent_code": company.south.code})
    assert same.status == 200 and same.json["version"] == unit(admin, site.code)["version"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_function_moves_only_what_its_caller_sees(world: World, company: Company, service: str):
    """Called by hand as the service's role under the scope of one site, it cannot touch another's rows."""
    import psycopg2
    from sqlalchemy.engine import make_url

    url = make_url(databases(world.suite)[service].app_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.scope', %s, true)", (company.sites[2].path,))
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SELECT move_scope(%s, %s)", (company.north.path, company.sites[2].path))
    finally:
        connection.close()
