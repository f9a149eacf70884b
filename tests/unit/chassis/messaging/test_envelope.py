"""What travels: CloudEvents with money as text, checked against the contracts in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from chassis.events import envelope as envelopes, schemas
from chassis.events.schemas import SchemaViolation
from chassis.ops.trace import child_of

ID = UUID("0199e3a1-6f00-7c3e-9a51-2f3b8d0c4e11")
RATE = "aftersales.finance.labour_rate.created.v1"


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Fact:
    value: Any


def built(fact: object, **changed: Any) -> envelopes.Envelope:
    values: dict[str, Any] = {
        "type_": RATE,
        "event_id": ID,
        "subject": ID,
        "sequence": 3,
        "org_path": "/HQ/B1/S1/",
        "actor": "ann",
        "traceparent": child_of(None).traceparent,
        "time": datetime(2026, 11, 22, 8, 30, tzinfo=UTC),
    }
    return envelopes.build(fact, **{**values, **changed})


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
        ([Fact(None)], [{"value": None}]),
        ({"price": Decimal(2)}, {"price": "2.00"}),
    ],
)
def test_values_become_plain_json(value: Any, plain: Any) -> None:
    assert built(Fact(value))["data"] == {"value": plain}


def test_other_values_are_refused() -> None:
    with pytest.raises(TypeError):
        built(Fact(object()))


def test_what_is_built_is_read_back() -> None:
    envelope = built(Fact("x"))
    schemas.check_envelope(envelope)
    event = envelopes.parse(orjson.loads(envelopes.encode(envelope)))
    assert (event.id, event.subject, event.sequence, event.source) == (ID, ID, 3, "/finance")
    assert event.time == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    assert (event.org_path, event.actor, event.data) == ("/HQ/B1/S1/", "ann", {"value": "x"})
    assert "partyid" not in envelope and event.party_id is None, "nor was it in what a release before sent"
    assert envelopes.parse(built(Fact("x"), party_id=ID)).party_id == ID


def test_what_is_unknown_is_left_out() -> None:
    envelope = built(Fact("x"), org_path=None, traceparent=None)
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
        schemas.check_envelope({**built(Fact("x")), name: value})
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [name]


def test_data_is_checked_by_the_contract_of_its_type() -> None:
    good = {"code": "STD", "name": "标准工时", "hourly_rate": "100.00"}
    schemas.check_data(RATE, good)
    for wrong in ({**good, "hourly_rate": 100}, {**good, "hourly_rate": "1.005"}, {"code": "STD"}, {**good, "extra": 1}):
        with pytest.raises(SchemaViolation):
            schemas.check_data(RATE, wrong)
    with pytest.raises(SchemaViolation, match="no schema"):
        schemas.check_data("aftersales.finance.unheard.of.v1", good)


def test_every_contract_is_a_schema_that_its_examples_fit() -> None:
    types = list(schemas.types())
    assert RATE in types
    for type_ in types:
        examples = schemas.schema(type_)["examples"]
        assert examples, type_
        for example in examples:
            schemas.check_data(type_, example)
    for example in schemas.envelope()["examples"]:
        schemas.check_envelope(example)
        schemas.check_data(example["type"], example["data"])


def test_a_schema_may_refer_to_a_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "_roots", list(schemas._roots))
    folder = tmp_path / "yard" / "events"
    folder.mkdir(parents=True)
    (folder / "gate.json").write_text('{"properties": {"open": {"type": "boolean"}}, "required": ["open"]}')
    (folder / "gate.opened.v1.json").write_text('{"$ref": "gate.json"}')
    schemas.add_root(tmp_path)
    schemas.check_data("aftersales.yard.gate.opened.v1", {"open": True})
    with pytest.raises(SchemaViolation, match="open"):
        schemas.check_data("aftersales.yard.gate.opened.v1", {})


def test_times_of_other_zones_keep_their_instant() -> None:
    zone = timezone(timedelta(hours=8))
    event = envelopes.parse(built(Fact("x"), time=datetime(2026, 11, 22, 16, 30, tzinfo=zone)))
    assert event.time == datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
