"""Money, machine, principal and batch: rules without a database."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given, strategies as st

from chassis.db.batch import Batch
from chassis.db.statements import Prepared
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.errors import BadTransition
from chassis.domain.machine import Machine, Move
from chassis.domain.money import line_net, money, split, tax_of
from chassis.domain.principal import Principal


def test_bill_example_of_the_catalogue() -> None:
    nets = [Decimal("3.33"), Decimal("3.33"), Decimal("3.34")]
    taxes = [tax_of(net, Decimal("0.13")) for net in nets]
    assert [str(t) for t in taxes] == ["0.43", "0.43", "0.43"]
    assert (sum(nets), sum(nets) + sum(taxes)) == (Decimal("10.00"), Decimal("11.29"))


def test_half_a_cent_goes_up() -> None:
    assert (money("0.005"), money("-0.005"), money("2.675")) == (Decimal("0.01"), Decimal("-0.01"), Decimal("2.68"))
    assert line_net(Decimal("1.5"), Decimal("0.33")) == Decimal("0.50")


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=9).filter(any))
def test_a_split_always_sums_to_the_total(cents: int, weights: list[int]) -> None:
    total = Decimal(cents) / 100
    parts = split(total, [Decimal(w) for w in weights])
    assert sum(parts) == total
    exact = [total * w / sum(weights) for w in weights]
    assert all(abs(p - e) < Decimal("0.01") for p, e in zip(parts, exact, strict=True))


class Light(StrEnum):
    RED, GREEN, OFF = "red", "green", "off"


class Lamp:
    def __init__(self, state: Light) -> None:
        self.state, self.entries = state, list[Journal]()

    def journal(self, entry: Journal) -> None:
        self.entries.append(entry)


LAMP = Machine("test_lamp", Light, Light.RED, {Light.OFF}, [
    Move("go", {Light.RED}, Light.GREEN, "lamp.go"),
    Move("switch", {Light.RED, Light.GREEN}, {Light.RED, Light.OFF}, "lamp.switch"),
    Move("fail", {Light.GREEN}, Light.OFF),
])


del Machine.registry["test_lamp"]  # the registry is for the machines of the product


def test_a_move_is_made_and_journaled() -> None:
    lamp = Lamp(Light.RED)
    LAMP.fire(lamp, "go", "ann", why="because")
    assert lamp.state == Light.GREEN
    assert lamp.entries == [Journal("go", "ann", "red", "green", "because")]


def test_an_illegal_move_raises_with_state_and_allowed_actions() -> None:
    lamp = Lamp(Light.GREEN)
    with pytest.raises(BadTransition) as caught:
        LAMP.fire(lamp, "go", "ann")
    assert caught.value.members == {"state": "green", "allowed_actions": ["switch"]}
    assert lamp.state == Light.GREEN and not lamp.entries


def test_a_move_with_several_targets_must_name_one_of_them() -> None:
    lamp = Lamp(Light.GREEN)
    for target in (None, Light.GREEN):
        with pytest.raises(ValueError):
            LAMP.fire(lamp, "switch", "ann", to=target)
    LAMP.fire(lamp, "switch", "ann", to=Light.OFF)
    assert lamp.state == Light.OFF


def test_allowed_actions_are_those_the_caller_has_the_right_for() -> None:
    lamp = Lamp(Light.RED)
    assert LAMP.allowed(lamp, Principal.of("ann", "/HQ/", ["lamp.go"])) == ["go"]
    assert LAMP.allowed(lamp, Principal.of("bob", "/HQ/", ["lamp.*"])) == ["go", "switch"]
    assert LAMP.allowed(Lamp(Light.OFF)) == []


@pytest.mark.parametrize(("patterns", "permission", "may"), [
    (["a.b.c"], "a.b.c", True), (["a.b.c"], "a.b.cd", False), (["a.b.*"], "a.b.c", True), (["a.b.*"], "a.bc.d", False),
    (["*"], "x.y.z", True), ([], "x.y.z", False),
])
def test_permission_patterns(patterns: list[str], permission: str, may: bool) -> None:
    assert Principal.of("ann", "/", patterns).may(permission) is may


def test_the_first_change_of_a_loaded_aggregate_raises_its_version() -> None:
    class Plain(Aggregate):
        pass

    plain = Plain.__new__(Plain)
    plain.__dict__.update(version=3, name="a", _stamp=("now", "ann"))
    plain.name = "a"  # type: ignore[attr-defined]
    assert plain.version == 3
    plain.name = "b"  # type: ignore[attr-defined]
    plain.name = "c"  # type: ignore[attr-defined]
    assert (plain.version, plain.updated_at, plain.updated_by) == (4, "now", "ann")


def test_consecutive_inserts_of_one_shape_become_one_statement() -> None:
    batch = Batch()
    for n in (1, 2):
        batch.row("t", {"a": n})
    batch.row("u", {"a": 3})
    batch.row("t", {"a": 4})
    sql, values = batch.take(Prepared(), final="COMMIT")
    assert sql == (
        "DEALLOCATE ALL; PREPARE s1 AS INSERT INTO t (a) VALUES ($1), ($2); EXECUTE s1(%s, %s);"
        " PREPARE s2 AS INSERT INTO u (a) VALUES ($1); EXECUTE s2(%s);"
        " PREPARE s3 AS INSERT INTO t (a) VALUES ($1); EXECUTE s3(%s); COMMIT"
    )
    assert values == [1, 2, 3, 4] and not batch
