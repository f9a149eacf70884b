"""What a campaign notes of the faults it could not do."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any, cast

import psycopg2
import pytest

from tests.faults import faults as module
from tests.faults.faults import Faults, NotReached
from tests.faults.schedule import Fault
from tests.faults.servers import ServerFaults


class Rig:
    """Its database goes away in the middle of a statement, which may have been carried out."""

    def __init__(self, carried_out: bool) -> None:
        self.carried_out, self.away, self.stands = carried_out, True, set[str]()

    def rows(self, _service: str, statement: str, *values: Any) -> list[tuple[()]]:
        if not self.away:
            return [()] if values[0] in self.stands else []
        if self.carried_out:
            self.stands.add(values[0])
        raise psycopg2.OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize("carried_out", [True, False])
def test_poison_counts_when_it_was_made(carried_out: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "patiently", lambda work: work())
    rig = Rig(carried_out)
    faults = Faults(cast(Any, rig))
    with pytest.raises(NotReached):
        faults.begin(cast(Fault, SimpleNamespace(kind="poison", target="shape", seconds=0.0)))
    assert faults.poison == {}
    rig.away = False
    assert {parker: set(ids) for parker, ids in faults.poisoned().items()} == ({"orders": rig.stands} if carried_out else {})


def test_rubbish_counts_when_the_broker_took_it() -> None:
    away = True

    def channel() -> Any:
        if away:
            raise TimeoutError("no node of the broker answers")
        return contextlib.nullcontext(SimpleNamespace(basic_publish=lambda *_: None))

    faults = ServerFaults(cast(Any, SimpleNamespace(prefix="t", channel=channel)))
    fault = cast(Fault, SimpleNamespace(kind="publish rubbish", target="", seconds=0.0))
    with pytest.raises(NotReached):
        faults.begin(fault)
    assert faults.rubbish == 0
    away = False
    faults.begin(fault)
    assert faults.rubbish == 2
