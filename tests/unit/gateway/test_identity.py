"""Rules of users, credentials, sessions, units, roles and parameters, without a database."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chassis.domain.errors import ValidationFailed
from chassis.domain.principal import Principal
from gateway.identity import parties, passwords
from gateway.identity.credential import Credential
from gateway.identity.org_unit import Kind, OrgUnit
from gateway.identity.party import Party, PartyKind
from gateway.identity.session import IDLE, Session, session_id_of
from gateway.identity.shipped import shipped
from gateway.identity.user import User, fold
from gateway.settings.catalogue import definitions
from gateway.settings.parameter import Parameter
from tests.support.announced import announced, loaded

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def unit() -> OrgUnit:
    hq = OrgUnit.headquarters("总部")
    hq.id = uuid.uuid4()
    return hq


# ---------------------------------------------------------------- lock
def test_lock_example() -> None:
    """Section 9: four wrong passwords show 1…4; the fifth locks; after unlock the counter is 0."""
    credential = Credential.create(uuid.uuid4(), "/HQ/", "hash", False, NOW)
    shown = []
    for _ in range(4):
        credential.failed(5, NOW)
        shown.append((credential.failures, credential.locked))
    assert shown == [(1, False), (2, False), (3, False), (4, False)]
    credential.failed(5, NOW)
    assert credential.locked
    credential.unlock()
    assert (credential.failures, credential.locked) == (0, False)


def test_success_resets_the_count() -> None:
    credential = Credential.create(uuid.uuid4(), "/HQ/", "hash", False, NOW)
    credential.failed(5, NOW)
    credential.succeeded(NOW)
    assert credential.failures == 0 and credential.last_login_at == NOW


# ---------------------------------------------------------------- sessions
def start() -> tuple[Session, str]:
    return Session.start(uuid.uuid4(), "/HQ/", "zh", "127.0.0.1", NOW)


def test_refresh_tokens_work_once() -> None:
    session, first = start()
    second = session.refresh(first, NOW)
    assert second and second != first and session_id_of(second) == session.id
    assert session.refresh(second, NOW), "the newest works"
    assert session.refresh(first, NOW) is None and session.ended_why == "reused"


def test_any_spent_token_ends_the_session() -> None:
    session, first = start()
    newest = first
    for _ in range(5):
        newest = str(session.refresh(newest, NOW))
    assert session.refresh(first, NOW) is None and not session.alive(NOW)
    assert session.refresh(newest, NOW) is None


@pytest.mark.parametrize("bad", ["", "x", "{id}", "{id}.", "{id}..", "{id}.a.b", "{id}.{family}x.b"])
def test_guesses_do_not_end_it(bad: str) -> None:
    session, first = start()
    family = first.split(".")[1]
    assert session.refresh(bad.format(id=session.id.hex, family=family), NOW) is None
    assert session.alive(NOW) and session.refresh(first, NOW)


def test_idle_sessions_expire() -> None:
    session, first = start()
    assert session.refresh(first, NOW + IDLE) is None and session.ended_at is None
    session, first = start()
    second = session.refresh(first, NOW + IDLE - timedelta(seconds=1))
    assert session.refresh(str(second), NOW + IDLE + timedelta(days=1)), "each use begins the time anew"


def test_a_renewed_family_makes_the_old_tokens_worthless() -> None:
    session, first = start()
    renewed = session.renew(NOW)
    assert session.refresh(first, NOW) is None and session.alive(NOW)
    assert session.refresh(renewed, NOW)


# ---------------------------------------------------------------- passwords
def test_passwords() -> None:
    digest = passwords.hashed("correct horse")
    assert digest.startswith("$argon2id$") and not passwords.outdated(digest)
    assert passwords.matches(digest, "correct horse") and not passwords.matches(digest, "wrong")
    assert not passwords.matches(None, "anything") and not passwords.matches("not a hash", "x")
    assert len({passwords.random() for _ in range(50)}) == 50 and len(passwords.random()) == 16


# ---------------------------------------------------------------- users and units
def test_names_differ_by_more_than_case_and_width() -> None:
    assert fold("Li.Lei") == fold("li.lei") == fold("ＬＩ．ｌｅｉ") and fold("李雷") != fold("李蕾")


def test_change_of_a_user() -> None:
    user = User.create("Ann", "安", unit(), ["agent"])
    loaded(user)
    assert user.change("boss", "安娜", None, None, None) is False, "a new name voids no token"
    told = {"username": "Ann", "name": "安娜", "org_path": "/HQ/", "roles": ["agent"], "active": True}
    assert announced(user) == [("changed", told)]
    assert user.change("boss", "安娜", None, ["agent"], True) is False and announced(user) == [], "nothing differs"
    for change in ((None, None, ["agent", "cashier"], None), (None, None, None, False)):
        assert user.change("boss", *change) is True
        announced(user)


def test_tree() -> None:
    hq = unit()
    branch = OrgUnit.below(hq, "EAST", "华东", Kind.BRANCH)
    branch.id = uuid.uuid4()
    site = OrgUnit.below(branch, "SH01", "一店", Kind.SITE)
    direct = OrgUnit.below(hq, "HQ01", "直营", Kind.SITE)
    assert (branch.org_path, site.org_path, direct.org_path) == ("/HQ/EAST/", "/HQ/EAST/SH01/", "/HQ/HQ01/")
    assert (hq.parent_path, branch.parent_path, site.parent_path) == (None, "/HQ/", "/HQ/EAST/")
    for parent, kind in ((site, Kind.SITE), (site, Kind.BRANCH), (branch, Kind.BRANCH)):
        with pytest.raises(ValidationFailed):
            OrgUnit.below(parent, "X", "x", kind)


# ---------------------------------------------------------------- roles
MAY = {
    "agent": {"callcenter.customer.create", "orders.device.create", "orders.work_order.create", "orders.work_order.cancel",
              "callcenter.revisit.record", "orders.work_order.approve", "orders.work_order.reject"},
    "dispatcher": {"orders.work_order.assign"},
    "technician": {f"orders.work_order.{action}" for action in ("start", "diagnose", "quote", "complete")},
    "storekeeper": {"inventory.part.create", "inventory.warehouse.create", "inventory.stock_receipt.create",
                    "inventory.requisition.issue", "orders.work_order.return_parts"},
    "cashier": {"finance.payment.create", "orders.work_order.hand_over"},
}
OUTSIDE = {"customer", "dealer", "supplier"}
ALWAYS = {"orders.work_order.read", "callcenter.customer.read", "orders.device.read", "inventory.stock.read"}


def test_roles_are_those_of_the_interface() -> None:
    rights = {role.code: Principal.of(role.code, "/HQ/", role.permissions) for role in shipped() if role.code not in OUTSIDE}
    assert set(rights) == {*MAY, "manager", "admin"}
    everything = set().union(*MAY.values())
    for code, own in MAY.items():
        for permission in everything:
            assert rights[code].may(permission) == (permission in own), (code, permission)
    for permission in everything | {f"orders.work_order.{a}" for a in ("check", "audit")} | {"orders.site.create",
                                                                                            "orders.technician.create"}:
        assert rights["manager"].may(permission), permission
    for permission in ("orders.work_order.check", "orders.work_order.audit", "orders.site.create"):
        assert [code for code in rights if rights[code].may(permission)] == ["manager", "admin"]
    for code, principal in rights.items():
        assert all(principal.may(permission) for permission in ALWAYS), code
        assert principal.may("gateway.user.create") == (code == "admin")
        assert principal.may("orders.history.import") == (code == "admin")


def test_reading_the_papers_of_others() -> None:
    rights = {role.code: Principal.of(role.code, "/HQ/", role.permissions) for role in shipped() if role.code not in OUTSIDE}
    readers = {
        "finance.bill.read": {"agent", "cashier", "manager", "admin"},
        "inventory.requisition.read": {"storekeeper", "technician", "manager", "admin"},
        "callcenter.revisit.read": {"agent", "manager", "admin"},
    }
    for permission, codes in readers.items():
        assert {code for code in rights if rights[code].may(permission)} == codes, permission


def test_roles_for_outsiders_hold_what_these_may_have() -> None:
    """G-10, and read nobody's papers but through their party."""
    roles = {role.code: set(role.permissions) for role in shipped() if role.code in OUTSIDE}
    assert set(roles) == OUTSIDE and roles["supplier"] == set()
    assert all(permissions <= parties.rights() for permissions in roles.values())
    assert not {right for right in parties.rights() if right.startswith(("gateway.", "inventory.", "callcenter."))}
    assert "finance.bill.read" in roles["customer"] - roles["dealer"]


def test_the_last_day_of_a_contract_counts() -> None:
    party = Party.create("boss", PartyKind.DEALER, "x", unit(), date(2026, 3, 31), None, "Asia/Shanghai")
    assert party.ends_at == datetime(2026, 3, 31, 16, tzinfo=UTC) and party.reference == party.id
    assert not party.over(datetime(2026, 3, 31, 15, 59, tzinfo=UTC)) and party.over(party.ends_at)
    loaded(party)
    assert party.change("boss", "y", date(2026, 3, 31)) is False and announced(party) == [], "a new name voids no token"
    assert party.change("boss", None, date(2026, 3, 30)) is True
    assert announced(party) == [
        ("changed", {"kind": PartyKind.DEALER, "customer_id": None, "contract_ends_on": date(2026, 3, 30)})
    ]


def test_a_customer_is_a_customer_of_customer_service() -> None:
    customer = uuid.uuid4()
    made = Party.create("boss", PartyKind.CUSTOMER, "x", unit(), date(2026, 3, 31), customer, "UTC")
    assert made.reference == customer
    for kind, id in ((PartyKind.CUSTOMER, None), (PartyKind.DEALER, customer)):
        with pytest.raises(ValidationFailed):
            Party.create("boss", kind, "x", unit(), date(2026, 3, 31), id, "UTC")


# ---------------------------------------------------------------- parameters
def test_every_default_fits_its_own_range() -> None:
    for definition in definitions().values():
        assert definition.refusals(definition.default) == [], definition.key
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", definition.key)
        assert definition.zh and definition.en


def test_section_8_is_here() -> None:
    shipped_values = {
        "tax.rate": 0.13, "login.max_failures": 5, "password.initial": "random", "care.free_visits": 1,
        "care.free_window_years": 3, "care.rate_own": 100, "care.rate_foreign": 150, "care.free_interval_months": 6,
        "guarantee.months_general": 12, "guarantee.months_mirror": 6, "guarantee.months_insects": 24,
        "guarantee.repairs_before_exchange": 2, "goodwill.rate_per_year": 0.15, "sla.urgent_hours": 2,
        "sla.normal_hours": 24, "sla.emergency_site_hours": 8, "sla.normal_site_days": 1, "sla.complaint_days": 5,
        "sla.consultation_hours": 8, "revisit.after_days": 3, "overdue.report_days": [3, 7], "project.deploy_days": 15,
        "project.support_months": 1, "solve.auto_confirm_days": 7, "rework.days": 30, "defect.lines_max": 10,
        "part.price_names_max": 5, "region.levels": 3,
    }
    assert {key: definitions()[key].default for key in shipped_values} == shipped_values


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("tax.rate", [1.1, -0.1, "0.1", True, None]),
        ("login.max_failures", [0, 2.5, "5", True, 1000]),
        ("overdue.report_days", [[], [0], [3, 3], 3, ["3"]]),
        ("password.initial", ["", 5, None]),
    ],
)
def test_values_out_of_range(key: str, bad: list[Any]) -> None:
    parameter = Parameter.ship(definitions()[key], definitions()[key].default)
    loaded(parameter)
    for value in bad:
        with pytest.raises(ValidationFailed):
            parameter.set(value)
    assert parameter.value == definitions()[key].default and announced(parameter) == []


def test_what_was_set_outlives_a_new_default() -> None:
    parameter = Parameter.ship(definitions()["tax.rate"], 0.13)
    loaded(parameter)
    assert parameter.ship_again(0.11) and parameter.value == 0.11
    loaded(parameter)
    parameter.set(0.09)
    assert not parameter.ship_again(0.12) and parameter.value == 0.09
