"""What travels: CloudEvents with money as text, checked against the contracts in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import pytest

from chassis.domain.events import WHOLE, Event
from chassis.events import envelope as envelopes, schemas
from chassis.events.schemas import SchemaViolation
from chassis.ops.trace import child_of

ID = UUID("0199e3a1-6f00-7c3e-9a51-2f3b8d0c4e11")
RATE = "aftersales.finance.labour_rate.created.v1"


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    value: Any


def built(data: dict[str, Any], **changed: Any) -> envelopes.Envelope:
    values: dict[str, Any] = {
        "id": ID,
        "type": RATE,
        "source": "/finance",
        "subject": ID,
        "sequence": 3,
        "org_path": "/HQ/B1/S1/",
        "actor": "ann",
        "traceparent": child_of(None).traceparent,
        "time": datetime(2026, 11, 22, 8, 30, tzinfo=UTC),
    }
    return envelopes.build(Event(data=data, **{**values, **changed}))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Decimal("12.5"), "12.50"),
        (Decimal("7"), "7.00"),
        (Decimal("0.00"), "0.00"),
        (Decimal("1E+2"), "100.00"),
        (Decimal("1.005"), "1.005"),  # never rounded in silence: the contract's pattern refuses it
        (1.5, 1.5),
        (ID, str(ID)),
        (date(2026, 11, 5), "2026-11-05"),
        (datetime(2026, 11, 5, 1, tzinfo=UTC), "2026-11-05T01:00:00Z"),
        (Colour.RED, "red"),
        ({"b", "a"}, ["a", "b"]),
        ([Inner(None)], [{"value": None}]),
        ({"price": Decimal(2)}, {"price": "2.00"}),
    ],
)
def test_values_become_plain_json(value: Any, plain: Any) -> None:
    assert built({"value": value})["data"] == {"value": plain}


def test_other_values_are_refused() -> None:
    with pytest.raises(TypeError):
        built({"value": object()})


def test_what_is_built_is_read_back() -> None:
    envelope = built({"value": "x"})
    schemas.check_envelope(envelope)
    event = envelopes.parse(orjson.loads(envelopes.encode(envelope)))
    assert (event.id, event.subject, event.sequence, event.source) == (ID, ID, 3, "/finance")
    assert event.time == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    assert (event.org_path, event.actor, event.data) == ("/HQ/B1/S1/", "ann", {"value": "x"})
    assert "partyid" not in envelope and event.party_id is None, "nor was it in what a release before sent"
    assert envelopes.parse(built({"value": "x"}, party_id=ID)).party_id == ID


def test_what_is_unknown_is_left_out() -> None:
    envelope = built({"value": "x"}, org_path=None, traceparent=None)
    assert not {"orgpath", "traceparent"} & set(envelope)
    schemas.check_envelope(envelope)
    event = envelopes.parse(envelope)
    assert (event.org_path, event.traceparent) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.3"), ("id", "1"), ("source", "orders"), ("type", "order.ready"), ("subject", "RE1"),
        ("time", "yesterday"), ("sequence", 0), ("sequence", "1"), ("actor", ""), ("data", []), ("orgpath", "HQ"),
    ],
)
def test_a_wrong_envelope_is_named_without_its_values(name: str, value: Any) -> None:
    with pytest.raises(SchemaViolation) as caught:
        schemas.check_envelope({**built({"value": "x"}), name: value})
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [name]


GOOD = {"code": "STD", "name": "标准工时", "hourly_rate": "100.00"}


def test_what_goes_out_fits_the_contract_to_the_letter() -> None:
    schemas.check_outgoing(RATE, GOOD)
    for wrong in ({**GOOD, "hourly_rate": 100}, {**GOOD, "hourly_rate": "1.005"}, {"code": "STD"}, {**GOOD, "extra": 1}):
        with pytest.raises(SchemaViolation):
            schemas.check_outgoing(RATE, wrong)
    with pytest.raises(SchemaViolation, match="no schema"):
        schemas.check_outgoing("aftersales.finance.unheard.of.v1", GOOD)
    with pytest.raises(SchemaViolation, match="no such verb"):
        schemas.check_outgoing("aftersales.finance.labour_rate.unheard_of.v1", GOOD)


def test_a_reader_is_given_what_it_declared_and_only_that_is_checked() -> None:
    newer = {**GOOD, "currency": {"code": "CNY"}, "name": 7}
    assert schemas.read(RATE, newer, ("code", "hourly_rate")) == {"code": "STD", "hourly_rate": "100.00"}
    assert schemas.read("aftersales.finance.labour_rate.unheard_of.v1", GOOD, ("code",)) == {"code": "STD"}
    with pytest.raises(SchemaViolation, match="name"):
        schemas.read(RATE, newer, ("code", "name"))
    with pytest.raises(SchemaViolation, match="hourly_rate"):
        schemas.read(RATE, {"code": "STD"}, ("code", "hourly_rate"))
    with pytest.raises(LookupError, match="colour"):
        schemas.read(RATE, GOOD, ("colour",))
    assert schemas.read(RATE, {**GOOD, "extra": 1}, WHOLE) == {**GOOD, "extra": 1}


def test_an_open_set_may_have_grown() -> None:
    ready = "aftersales.orders.work_order.ready.v1"
    order = schemas.example(ready)
    newer = {**order, "kind": "exchange", "state": "on_the_road", "needed": [{**line, "bin": "A"} for line in order["needed"]]}
    assert schemas.read(ready, newer, ("kind", "state", "needed")) == {name: newer[name] for name in ("kind", "state", "needed")}
    assert schemas.read(ready, {**order, "waiting_for": None}, ("waiting_for",)) == {"waiting_for": None}
    for wrong in ({"kind": None}, {"state": 5}, {"needed": [{"quantity": 1}]}):
        with pytest.raises(SchemaViolation):
            schemas.read(ready, {**order, **wrong}, ("kind", "state", "needed"))
    with pytest.raises(SchemaViolation):
        schemas.check_outgoing(ready, newer)


def test_every_contract_is_a_schema_that_its_examples_fit() -> None:
    types = list(schemas.types())
    assert RATE in types
    for type_ in types:
        schemas.check_outgoing(type_, schemas.example(type_))
    for example in schemas.envelope()["examples"]:
        schemas.check_envelope(example)
        schemas.check_outgoing(example["type"], example["data"])


def test_times_of_other_zones_keep_their_instant() -> None:
    zone = timezone(timedelta(hours=8))
    event = envelopes.parse(built({"value": "x"}, time=datetime(2026, 11, 22, 16, 30, tzinfo=zone)))
    assert event.time == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
