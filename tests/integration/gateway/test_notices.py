"""Notices (站内通知): who is told of what, once, and what a reader sees of it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import contracts
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from chassis.events.schemas import example
from chassis.messaging.inbox import Outcome, receive
from gateway.app import SERVICE
from gateway.identity import Person, holders
from gateway.notices import MOST, Subject, tell, timers
from gateway.notices.texts import catalogue as texts_of_kinds
from tests.integration.gateway.conftest import PASSWORD, Branch, Caller, Gateway, mark
from tests.integration.gateway.test_parties import party, person
from tests.integration.gateway.test_stream import Reader
from tests.support.serving import envelope

FOLLOW_UP = "aftersales.callcenter.follow_up.opened.v1"
OVERDUE = "aftersales.orders.work_order.overdue.v1"
CUSTOMER = "aftersales.callcenter.customer.changed_elsewhere.v1"


def unsolved(gateway: Gateway, path: str, number: str = "RE26110001", subject: uuid.UUID | None = None) -> dict[str, Any]:
    """What callcenter tells of a revisit that solved nothing; the envelope, to be told again."""
    told = envelope(FOLLOW_UP, {**example(FOLLOW_UP), "work_order_number": number}, subject=subject, org_path=path)
    assert receive(SERVICE, gateway.database.engine, told) is Outcome.DONE
    return told


def notices(caller: Caller, **query: Any) -> list[dict[str, Any]]:
    found = caller.call("GET", "/notices", params=query)
    assert found.status_code == 200, found.text
    items: list[dict[str, Any]] = found.json()["items"]
    return items


def texts(caller: Caller, **query: Any) -> list[str]:
    return [one["summary"] for one in notices(caller, **query)]


def manager(gateway: Gateway, branch: Branch, unit: str | None = None) -> Caller:
    return gateway.as_(branch.user(["manager"], unit=unit)["username"])


def told_to(gateway: Gateway, people: Sequence[str], key: str | None = None) -> int:
    """A fact told to these, by hand: how many were told now."""
    with UnitOfWork(gateway.database.engine, Principal.system("test")) as uow:
        recipients = [Person(name, "/HQ/") for name in people]
        return tell(uow, key or mark(), "work_order.overdue", Subject("work_order", uuid.uuid4()), recipients, {"number": "RE26110009"})


# ---------------------------------------------------------------- who is told of what
def test_an_unsolved_revisit_is_told_to_the_managers_of_the_site(gateway: Gateway, branch: Branch) -> None:
    here, above = manager(gateway, branch), manager(gateway, branch, branch.code)
    agent = gateway.as_(branch.user(["agent"])["username"])
    told = unsolved(gateway, branch.site_path)
    (one,) = notices(here)
    assert (one["kind"], one["subject_type"], one["subject_id"]) == ("follow_up.opened", "follow_up", told["subject"])
    assert one["summary"] == "Not solved, says the revisit of order RE26110001" and one["read_at"] is None
    assert notices(above) == notices(agent) == []


def test_a_machine_that_nobody_collects(gateway: Gateway, branch: Branch) -> None:
    here, order = manager(gateway, branch), uuid.uuid4()
    assert gateway.order_changed("overdue", 7, branch.site_path, order) is Outcome.DONE
    (one,) = notices(here)
    assert (one["kind"], one["subject_id"]) == ("work_order.overdue", str(order))
    assert one["summary"] == "Order RE26110001 should have been collected by now"


def test_a_machine_on_its_way(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """Who may receive it where it is going, there and back; the other end knows."""
    other = Branch(admin, gateway)
    here, there = gateway.as_(branch.user(["agent"])["username"]), gateway.as_(other.user(["agent"])["username"])
    slip = uuid.uuid4()
    for sequence, verb in ((1, "sent"), (3, "sent_back")):
        type_ = f"aftersales.orders.hand_over_slip.{verb}.v1"
        told = {**envelope(type_, example(type_), subject=slip, sequence=sequence, org_path=branch.site_path), "heldpath": other.site_path}
        assert receive(SERVICE, gateway.database.engine, told) is Outcome.DONE
    assert texts(there) == ["A machine is on its way to you: hand-over slip HS26110001"]
    assert texts(here) == ["A machine is on its way back to you: hand-over slip HS26110001"]
    assert notices(here)[0]["subject_type"] == "hand_over_slip"


def test_who_took_a_customer_in_hears_that_others_changed_him(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """Which members, at which site; neither who he is nor who did it."""
    other, agent = Branch(admin, gateway), gateway.as_(branch.user(["agent"])["username"])
    technician, there = gateway.as_(branch.user(["technician"])["username"]), gateway.as_(other.user(["agent"])["username"])
    customer = uuid.uuid4()
    data = {**example(CUSTOMER), "home_path": branch.site_path, "unit_path": other.site_path, "fields": ["name", "phones"]}
    for sequence in (2, 3):  # each change is a fact of its own
        assert receive(SERVICE, gateway.database.engine, envelope(CUSTOMER, data, subject=customer, sequence=sequence)) is Outcome.DONE
    assert texts(agent) == [f"A customer of yours was changed at {other.site}: name, phone numbers"] * 2
    chinese = agent.call("GET", "/notices", headers={"Accept-Language": "zh-CN"}).json()["items"][0]
    assert chinese["summary"] == f"客户资料由其他网点（{other.site}）修改：名称、电话"
    assert notices(technician) == notices(there) == []
    stored = str(gateway.rows("SELECT data FROM notices WHERE subject_id = :id", id=customer))
    assert data["name"] not in stored and data["phones"][0] not in stored


def test_roles_of_the_unit_and_of_a_department_count(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """Given to the site's people, or to those of a department of it and its teams; not to those beside it."""
    site = next(one for one in admin.call("GET", "/org-units", params={"code": branch.site}).json()["items"])
    department, team, beside = f"D{mark()}", f"T{mark()}", f"D{mark()}"
    for code, kind, parent in ((department, "department", branch.site), (team, "team", department), (beside, "department", branch.site)):
        made = admin.call("POST", "/org-units", {"code": code, "name": code, "kind": kind, "parent_code": parent})
        assert made.status_code == 201, made.text
        if code == department:
            assert admin.call("PATCH", f"/org-units/{made.json()['id']}", {"roles": ["manager"]}).status_code == 200
    people = [branch.user([], unit=unit)["username"] for unit in (team, beside, branch.site)]
    right = "callcenter.follow_up.close"
    with UnitOfWork(gateway.database.engine, Principal.system("test")) as uow:
        assert [one.username for one in holders(uow, branch.site_path, right, MOST)] == people[:1]
    assert admin.call("PATCH", f"/org-units/{site['id']}", {"roles": ["manager"]}).status_code == 200
    with UnitOfWork(gateway.database.engine, Principal.system("test")) as uow:
        assert [one.username for one in holders(uow, branch.site_path, right, MOST)] == sorted(people)
        assert len(holders(uow, branch.site_path, right, 2)) == 2


def test_neither_who_is_shut_out_nor_an_outside_account_is_told(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    gone, deleted = branch.user(["manager"]), branch.user(["manager"])
    assert admin.call("PATCH", f"/users/{gone['id']}", {"active": False}).status_code == 200
    assert admin.call("POST", f"/users/{deleted['id']}/delete").status_code == 200
    role = f"r{mark()}"
    made = admin.call("POST", "/roles", {"code": role, "name_zh": role, "name_en": role, "permissions": ["orders.work_order.close_uncollected"]})
    assert made.status_code == 201, made.text
    outside = person(admin, party(admin, org_unit_code=branch.site), org_unit_code=branch.site)
    gateway.write("UPDATE users SET roles = roles || to_jsonb(cast(:role AS text)) WHERE id = :id", role=role, id=outside["id"])
    told = gateway.as_(branch.user([role])["username"])
    gateway.order_changed("overdue", 2, branch.site_path, uuid.uuid4())
    assert len(notices(told)) == 1
    names = [gone["username"], deleted["username"], outside["username"]]
    assert gateway.rows("SELECT FROM notices WHERE recipient = ANY (:names)", names=names) == []
    assert gateway.as_(outside["username"]).call("GET", "/notices").status_code == 403


def test_each_kind_of_the_contract_has_its_words() -> None:
    assert set(texts_of_kinds()["kinds"]) == set(contracts.values("gateway", "notices", "Kind"))


# ---------------------------------------------------------------- once
def test_the_same_fact_is_one_notice(gateway: Gateway, branch: Branch) -> None:
    """Told again under the same id, under another, and by several at once."""
    here, subject = manager(gateway, branch), uuid.uuid4()
    again = unsolved(gateway, branch.site_path, subject=subject)
    assert receive(SERVICE, gateway.database.engine, again) is Outcome.DUPLICATE
    unsolved(gateway, branch.site_path, subject=subject)
    assert len(notices(here)) == 1
    key, people = mark(), [f"n-{mark()}" for _ in range(20)]
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda n: told_to(gateway, people[:: 1 if n % 2 else -1], key), range(8)))
    assert sorted(counts) == [0] * 7 + [20]
    ids = "SELECT id FROM notices WHERE key = :key"
    assert len(gateway.rows(f"SELECT FROM stream_events WHERE kind = 'notice' AND subject IN ({ids})", key=key)) == 20


def test_a_fact_has_so_many_recipients_at_most(gateway: Gateway) -> None:
    assert told_to(gateway, [f"m-{mark()}" for _ in range(MOST + 5)]) == MOST
    assert told_to(gateway, []) == 0


def test_what_is_rolled_back_was_told_to_nobody(gateway: Gateway) -> None:
    name, key = f"n-{mark()}", mark()
    with pytest.raises(RuntimeError), UnitOfWork(gateway.database.engine, Principal.system("test")) as uow:
        tell(uow, key, "work_order.overdue", Subject("work_order", uuid.uuid4()), [Person(name, "/HQ/")], {"number": "1"})
        raise RuntimeError
    assert gateway.rows("SELECT FROM notices WHERE key = :key", key=key) == []
    assert gateway.rows("SELECT FROM stream_events WHERE audience = :name", name=name) == []


# ---------------------------------------------------------------- reading
def test_the_stream_says_so_to_the_recipient_alone(gateway: Gateway, branch: Branch) -> None:
    here, colleague = manager(gateway, branch), gateway.as_(branch.user(["agent"])["username"], process=1)
    with contextlib.closing(Reader(here)) as told, contextlib.closing(Reader(colleague)) as other:
        unsolved(gateway, branch.site_path)
        gateway.order_changed("registered", 1, branch.site_path, uuid.uuid4())
        (_, event, data), (_, second, _) = told.take(2)
        assert [kind for _, kind, _ in other.take(1)] == [second] == ["work_order.changed"]
    (one,) = notices(here)
    assert event == "notice" and data == {name: one[name] for name in ("id", "kind", "subject_type", "subject_id")}


def test_read_unread_and_all(gateway: Gateway, branch: Branch) -> None:
    here = manager(gateway, branch)
    for number in ("RE1", "RE2", "RE3", "RE4"):
        unsolved(gateway, branch.site_path, number)
    numbers = [one.rpartition(" ")[2] for one in texts(here)]
    assert numbers == ["RE4", "RE3", "RE2", "RE1"]
    page = here.call("GET", "/notices?unread=true&total=true&limit=3").json()
    assert page["total"] == 4 and len(page["items"]) == 3
    rest = here.call("GET", "/notices", params={"unread": "true", "limit": 3, "cursor": page["next_cursor"]}).json()
    assert [one["summary"].rpartition(" ")[2] for one in rest["items"]] == ["RE1"]
    address = f"/notices/{page['items'][1]['id']}"
    first = here.call("POST", f"{address}/read").json()
    assert first["read_at"] and here.call("POST", f"{address}/read").json() == first == here.call("GET", address).json()
    assert [one["id"] for one in notices(here, unread="false")] == [first["id"]]
    shown = page["items"][2]["created_at"]
    unsolved(gateway, branch.site_path, "RE5")
    assert here.call("POST", "/notices/read-all", {"until": shown}).json() == {"read": 2}  # RE1 and RE2; RE3 was read
    assert [one.rpartition(" ")[2] for one in texts(here, unread="true")] == ["RE5", "RE4"]
    assert here.call("POST", "/notices/read-all", {}).json() == {"read": 2}
    assert here.call("POST", "/notices/read-all").json() == {"read": 0}


def test_somebody_elses_notice_is_not_there(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """Not for a colleague, not for who stands above and may everything."""
    here = manager(gateway, branch)
    unsolved(gateway, branch.site_path)
    (one,) = notices(here)
    for other in (manager(gateway, branch), admin):
        assert one["id"] not in [each["id"] for each in notices(other)]
        assert other.call("GET", f"/notices/{one['id']}").status_code == 404
        assert other.call("POST", f"/notices/{one['id']}/read").status_code == 404
        assert other.call("POST", "/notices/read-all", {}).status_code == 200
    assert len(notices(here, unread="true")) == 1


def test_the_database_hides_them_from_other_scopes(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    other, here = Branch(admin, gateway), manager(gateway, branch)
    unsolved(gateway, branch.site_path)
    (one,) = notices(here)
    for scope, seen in ((branch.site_path, 1), (branch.path, 1), (other.site_path, 0), (f"{branch.site_path}X/", 0), ("", 0)):
        with UnitOfWork(gateway.database.engine, Principal("somebody", scope)) as uow:
            assert len(uow.rows(sa.text("SELECT FROM notices WHERE id = :id"), {"id": one["id"]})) == seen, scope
            assert uow.execute(sa.text("UPDATE notices SET read_at = now() WHERE id = :id"), {"id": one["id"]}) == seen, scope
            uow.rollback()


def test_notices_move_with_the_unit(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    other, name = Branch(admin, gateway), branch.user(["manager"])["username"]
    unsolved(gateway, branch.site_path)
    site = next(one for one in admin.call("GET", "/org-units", params={"code": branch.site}).json()["items"])
    assert admin.call("POST", f"/org-units/{site['id']}/move", {"parent_code": other.code}).status_code == 200
    assert len(notices(gateway.as_(name, PASSWORD))) == 1


def test_old_ones_are_forgotten(gateway: Gateway, branch: Branch) -> None:
    here = manager(gateway, branch)
    for number in ("RE1", "RE2"):
        unsolved(gateway, branch.site_path, number)
    old = next(one for one in notices(here) if one["summary"].endswith("RE1"))
    gateway.write("UPDATE notices SET created_at = :at WHERE id = :id", at=datetime.now(UTC) - timedelta(days=91), id=old["id"])
    with UnitOfWork(gateway.database.engine, Principal.system("gateway.worker")) as uow:
        timers.forget(uow)
    assert [one.rpartition(" ")[2] for one in texts(here)] == ["RE2"]
