"""Numbers by the rule of their kind (R-01): the worked examples, unique and without a hole however many ask at once, and never used
twice whatever rules come and go."""

from __future__ import annotations

import itertools
import random
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from tests.integration.orders.conftest import Shop
from tests.support.serving import Served

SHIPPED = {"prefix": "RE", "digits": 4, "reset": "monthly"}
VERSIONS = itertools.count(2)
PREFIXES = ("".join(letters) for letters in itertools.product("ABCDEFGHIJ", repeat=4))


@dataclass
class Rule:
    """The rule of work orders, with a prefix that no other test has."""

    shop: Shop
    prefix: str = field(default_factory=lambda: next(PREFIXES))

    def set(self, digits: int = 4, reset: str = "monthly", prefix: str | None = None) -> None:
        value = {"prefix": prefix or self.prefix, "digits": digits, "reset": reset}
        self.shop.tell("gateway.parameter.changed", {"key": "number.work_order", "value": value}, sequence=next(VERSIONS))

    def orders(self, *days: str) -> list[str]:
        """What the numbers of new documents of these days read, without the prefix."""
        rows = [{"source": self.shop.code, "external_id": uuid.uuid4().hex, "site_id": self.shop.site["id"], "event_date": day,
                 "state": "audited"} for day in days]  # fmt: skip
        done = self.shop.ok("POST", "/work-orders/history", {"rows": rows})
        ids = [row["id"] for row in done["results"]]
        found = {str(row.id): row.number for row in self.shop.served.rows("SELECT id, number FROM work_orders WHERE id = ANY(CAST(:ids AS uuid[]))", ids=ids)}
        return [found[id].removeprefix(self.prefix) for id in ids]

    def counted(self, series: str, last: int) -> None:
        """As if so many had been drawn."""
        with self.shop.served.database.owner.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO numbers VALUES (%s, %s) ON CONFLICT (series) DO UPDATE SET last = excluded.last", (self.prefix + series, last)
            )

    def begin_again(self, headers: dict[str, str] | None = None, **body: str) -> Any:
        return self.shop.served.call("POST", "/order-numbers/work_order/reset", body, headers=headers)


@pytest.fixture
def rule(shop: Shop) -> Iterator[Rule]:
    rule = Rule(shop)
    yield rule
    rule.set(prefix="RE")


@pytest.mark.parametrize(("digits", "reset", "expected"), [
    (4, "monthly", ["16110001", "16110002", "16120001"]), (6, "monthly", ["1611000001", "1611000002", "1612000001"]),
    (1, "monthly", ["16111", "16112", "16121"]), (0, "never", ["1", "2", "3"]), (1, "never", ["1", "2", "3"]),
    (5, "never", ["00001", "00002", "00003"]),
])  # fmt: skip
def test_the_forms_of_the_worked_example(rule: Rule, digits: int, reset: str, expected: list[str]):
    rule.set(digits, reset)
    assert rule.orders("2016-11-05", "2016-11-30", "2016-12-01") == expected


@pytest.mark.parametrize(("digits", "last", "expected"), [(2, 98, ["99", "100"]), (12, 0, ["000000000001", "000000000002"])])
def test_more_digits_appear_when_needed(rule: Rule, digits: int, last: int, expected: list[str]):
    rule.set(digits, "never")
    rule.counted("", last)
    assert rule.orders("2016-01-01", "2016-01-02") == expected


def test_the_month_is_that_of_the_document_as_shipped(api: Served):
    shop = Shop(api)
    rows = [{"source": shop.code, "external_id": day, "site_id": shop.site["id"], "event_date": day, "state": "audited"}
            for day in ("2016-11-05", "2016-11-30", "2016-12-01")]  # fmt: skip
    shop.ok("POST", "/work-orders/history", {"rows": rows})
    items = shop.ok("GET", "/work-orders", site_id=shop.site["id"], sort="registered_at")["items"]
    assert [item["number"] for item in items] == ["RE16110001", "RE16110002", "RE16120001"]


def test_parallel_creates_leave_no_hole_also_when_some_fail(api: Served):
    shop = Shop(api)
    good = {"kind": "repair", "channel": "web", "site_id": shop.site["id"], "problem": "x"}
    before = int(shop.order().document["number"][6:])
    bad = {**good, "device_id": "0199e3a0-0000-7000-8000-000000000000"}
    answers = api.together([("POST", "/work-orders", body) for body in [good, bad] * 10])
    numbers = sorted(answer.json()["number"] for answer in answers if answer.status_code == 201)
    assert len(numbers) == 10 and all(re.fullmatch(r"RE\d{8}", number) for number in numbers)
    assert [int(number[6:]) for number in numbers] == list(range(before + 1, before + 11))


@pytest.mark.parametrize(("first", "then", "series", "last", "expected"), [
    # An unpadded number of a month reads like one of a sequence that never begins anew, in both directions.
    ((1, "monthly"), (1, "never"), "", 16110, ["161112", "161113"]),
    ((4, "monthly"), (8, "never"), "", 16110000, ["16110003", "16110004"]),
    # A sequence of the same month goes on whatever its digits.
    ((4, "monthly"), (2, "monthly"), None, 0, ["161103", "161104"]),
    ((2, "never"), (1, "never"), None, 0, ["3", "4"]),
])  # fmt: skip
def test_numbers_that_an_earlier_rule_wrote_are_passed_over(
    rule: Rule, first: tuple[int, str], then: tuple[int, str], series: str | None, last: int, expected: list[str]
):
    rule.set(*first)
    rule.orders("2016-11-01", "2016-11-02")
    rule.set(*then)
    if series is not None:
        rule.counted(series, last)
        expected = [str(n) for n in range(last + 1, last + 5) if str(n) not in {"16111", "16112", "16110001", "16110002"}][:2]
    assert rule.orders("2016-11-03", "2016-11-04") == expected
    rule.set(*first)
    assert len(set(rule.orders("2016-11-05"))) == 1


def test_a_long_row_of_taken_numbers_is_passed_over_at_once(rule: Rule):
    rule.set(1, "never")
    rule.counted("", 8)
    taken = [int(number) for _ in range(3) for number in rule.orders(*["2016-01-01"] * 500)]
    assert taken == list(range(9, 1509))
    rule.counted("", 5)
    assert rule.orders("2016-01-01", "2016-01-01", "2016-01-01") == ["6", "7", "8"]
    assert 1509 <= int(rule.orders("2016-01-01")[0]) < 4000


def test_reset(rule: Rule):
    shop = rule.shop
    rule.set(2)
    month = {"month": "2016-11"}
    assert rule.orders("2016-11-01", "2016-11-02") == ["161101", "161102"]
    shop.refused(rule.begin_again(**month), 409, "number_conflict")
    rule.set(4)
    assert rule.begin_again(**month).status_code == 200, "number 1 of four digits is free"
    assert rule.orders("2016-11-03", "2016-11-04") == ["16110001", "16110002"]
    rule.set(2)
    shop.refused(rule.begin_again(**month), 409, "number_conflict")
    assert rule.orders("2016-11-05") == ["161103"]
    assert rule.begin_again(month="2017-01").status_code == 200, "nothing was drawn yet"


def test_reset_of_a_sequence_that_never_begins_anew(rule: Rule):
    rule.set(1, "never")
    assert rule.orders(*["2016-11-01"] * 11) == [str(n) for n in range(1, 12)]
    rule.shop.refused(rule.begin_again(), 409, "number_conflict")
    rule.set(2, "never")
    rule.shop.refused(rule.begin_again(headers={"If-Match": "1"}), 409, "stale_version")
    answer = rule.begin_again()
    assert {**answer.json(), "version": 0} == {"version": 0, "kind": "work_order", "prefix": rule.prefix, "digits": 2, "reset": "never", "next_number": rule.prefix + "01"}
    assert rule.orders(*["2016-11-02"] * 10) == ["01", "02", "03", "04", "05", "06", "07", "08", "09", "12"], "10 and 11 exist"


def test_who_may_reset(rule: Rule):
    path = "/order-numbers/work_order/reset"
    rule.shop.refused(rule.shop.served.call("POST", path, {}, permissions=("orders.number.read",)), 403, "forbidden")
    rule.shop.refused(rule.shop.served.call("POST", "/order-numbers/bill/reset", {}), 404, "not_found")
    for month in ("2016-13", "16-01", "1016-01", "", "2016-1"):
        rule.shop.refused(rule.begin_again(month=month), 400, "validation_failed")


def test_rules_are_shown_with_the_next_number(rule: Rule):
    rule.set(3, "never")
    rule.orders("2016-11-01")
    version = rule.shop.ok("GET", "/order-numbers/work_order")["version"]
    shown = {"version": version, "kind": "work_order", "prefix": rule.prefix, "digits": 3, "reset": "never", "next_number": rule.prefix + "002"}
    listed = [one for one in rule.shop.ok("GET", "/order-numbers")["items"] if one["kind"] == "work_order"]
    assert listed == [shown] == [rule.shop.ok("GET", "/order-numbers/work_order")]


def test_a_number_is_unique_in_the_company_whoever_asks(rule: Rule):
    """Another site's document is passed over by who cannot see it, and his scope holds again afterwards."""
    rule.set(1, "never")
    rule.orders("2016-01-01")
    rule.counted("", 0)
    other = Shop(rule.shop.served, branch="S")
    body = {"kind": "repair", "channel": "web", "site_id": other.site["id"], "problem": "x"}
    made = rule.shop.served.call("POST", "/work-orders", body, scope=other.path).json()
    assert made["number"] == rule.prefix + "2"
    seen = rule.shop.served.call("GET", "/work-orders", scope=other.path).json()["items"]
    assert [order["number"] for order in seen] == [made["number"]]


def test_a_stale_rule_changes_nothing(rule: Rule):
    rule.set(1, "never")
    value = {"prefix": "OLD", "digits": 1, "reset": "never"}
    rule.shop.tell("gateway.parameter.changed", {"key": "number.work_order", "value": value}, sequence=1)
    assert rule.orders("2016-01-01") == ["1"]


@pytest.mark.parametrize("seed", range(3))
def test_no_number_twice_whatever_rules_come_and_go(rule: Rule, seed: int):
    chance, seen = random.Random(seed), set[str]()
    forms = [(digits, reset) for digits in (0, 1, 2, 5) for reset in ("monthly", "never")]
    for step in range(40):
        rule.set(*chance.choice(forms))
        if chance.random() < 0.3:
            assert rule.begin_again(month="2000-01").status_code in (200, 409)
        if chance.random() < 0.2:
            rule.counted(chance.choice(["", "0001", "0002"]), chance.choice([0, 9, 99, 10, 100]))
        drawn = rule.orders(*(chance.choice(["2000-01-01", "2000-02-01"]) for _ in range(chance.randint(1, 4))))
        assert len({*drawn}) == len(drawn) and not seen & {*drawn}, (seed, step)
        seen |= {*drawn}


def test_no_number_twice_while_rules_change_at_the_same_time(rule: Rule):
    """Whoever drew by the old rule is waited for; nobody is refused."""
    shop, over = rule.shop, threading.Event()
    rule.set(1, "monthly")
    today = f"{date.today():%y%m}"
    rule.counted("", int(today) * 10)  # so that both forms write the same digits

    def change() -> None:
        for digits, reset in itertools.cycle([(1, "never"), (1, "monthly"), (2, "never"), (2, "monthly")]):
            if over.is_set():
                return
            rule.set(digits, reset)
            if reset == "monthly":
                rule.begin_again()

    changing = threading.Thread(target=change)
    changing.start()
    body = {"kind": "repair", "channel": "web", "site_id": shop.site["id"], "problem": "x"}
    try:
        answers = [answer for _ in range(8) for answer in shop.served.together([("POST", "/work-orders", body)] * 12)]
    finally:
        over.set()
        changing.join()
    assert {answer.status_code for answer in answers} == {201}
    numbers = [answer.json()["number"] for answer in answers]
    assert len(set(numbers)) == len(numbers) == 96
