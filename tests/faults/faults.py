"""How each kind of fault is done and undone. ``begin`` gives the function that ends it, or ``NotReached``."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import psutil
import psycopg2

from chassis.domain.aggregate import new_id
from chassis.ops import failpoints
from tests.faults import postgres
from tests.faults.rig import Rig, patiently
from tests.faults.schedule import Fault

if TYPE_CHECKING:
    from tests.faults.load import Load

End = Callable[[], None]
REACH = 6.0  # seconds in which a process must come by an armed point
UNLUCKY = (psutil.Error, psycopg2.Error, OSError)
AGAIN = 150  # events delivered once more at a time


class NotReached(Exception):
    """The fault could not be done now: nobody came by the point, the process is away already."""


class Faults:
    """``poison``: ids of the events that were made to fail, by the service that must park them; ``rubbish``: how many
    messages were published that are none."""

    def __init__(self, rig: Rig, load: Load | None = None) -> None:
        self.rig, self.load = rig, load
        self.poison: dict[str, set[str]] = {}
        self.unsure: list[tuple[str, str, str]] = []
        self.rubbish = 0

    def begin(self, fault: Fault) -> End:
        method = getattr(self, f"_{fault.kind.replace(' ', '_')}")
        try:
            ended: End | None = method(fault)
        except UNLUCKY as error:  # what it needs is still being healed of another one
            raise NotReached(f"{fault}: {error!r}") from error
        return ended or _nothing

    # -- processes ---------------------------------------------------------------------------------------------
    def _kill_process(self, fault: Fault) -> None:
        os.kill(self.rig.pid(fault.target), signal.SIGKILL)

    def _stop_process(self, fault: Fault) -> End:
        return _stopped(self.rig.pid(fault.target))

    def _stop_deliveries(self, fault: Fault) -> End:
        return _stopped(self.rig.pid("courier"))

    def _stop_supervisor(self, fault: Fault) -> End:
        return _stopped(self.rig.pid("supervisor"))

    def _kill_supervisor(self, fault: Fault) -> None:
        """And the same `up` again: nobody else would."""
        assert self.rig.suite.process is not None
        self.rig.suite.process.kill()
        self.rig.suite.process.wait()
        self.rig.suite.start(within=120.0)

    def _kill_between_steps(self, fault: Fault) -> None:
        """A client has its answer and has not asked for the next step yet."""
        if self.load is None or not self.load.pause_one(REACH):
            raise NotReached(f"{fault}: no client came by")
        try:
            self._kill_process(fault)
        finally:
            self.load.resume()

    # -- named instants ----------------------------------------------------------------------------------------
    # A target ``point@words`` waits for a process that says these words of itself at the point.
    def _kill_at_point(self, fault: Fault) -> None:
        self._reach(fault.target, "kill")

    def _raise_at_point(self, fault: Fault) -> None:
        self._reach(fault.target, "raise")

    def _stop_at_point(self, fault: Fault) -> End:
        pid = self._reach(fault.target, "stop")

        def go_on() -> None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        return go_on

    def _reach(self, target: str, order: str) -> int:
        point, _, wanted = target.partition("@")
        failpoints.arm(self.rig.points, point, order, wanted)
        deadline = time.monotonic() + REACH
        while (pid := failpoints.taken(self.rig.points, point)) is None:
            if time.monotonic() > deadline and failpoints.disarm(self.rig.points, point):
                raise NotReached(f"nobody came by {point}")
            time.sleep(0.02)
        return pid

    # -- PostgreSQL --------------------------------------------------------------------------------------------
    def _backend(self, fault: Fault) -> int:
        role = f"{self.rig.name_of(fault.target)}_app"
        found = postgres.backends(self.rig.postmaster(), role)
        if not found:
            raise NotReached(f"{fault}: nobody is connected")
        return found[int(fault.pick * len(found))]

    def _kill_backend(self, fault: Fault) -> None:
        """PostgreSQL then ends all its backends and recovers from its log."""
        os.kill(self._backend(fault), signal.SIGKILL)

    def _stop_backend(self, fault: Fault) -> End:
        return _stopped(self._backend(fault))

    def _restart_database(self, fault: Fault) -> End:
        head = psutil.Process(self.rig.postmaster())
        head.send_signal(signal.SIGINT)  # fast shutdown

        def revive() -> None:
            psutil.wait_procs([head], timeout=30)
            self.rig.revive_database()

        return revive

    def _crash_database(self, fault: Fault) -> End:
        postgres.crash(self.rig.postmaster())
        return self.rig.revive_database

    def _close_database(self, fault: Fault) -> End:
        """One of the five is away, the others are not."""
        patiently(lambda: self.rig.set_open(fault.target, False), 5.0)
        return lambda: patiently(lambda: self.rig.set_open(fault.target, True))

    # -- deliveries --------------------------------------------------------------------------------------------
    def _deliver_again(self, fault: Fault) -> None:
        """Events that were sent are sent once more, long after newer ones."""
        statement = """UPDATE outbox SET sent_at = NULL WHERE position IN
            (SELECT position FROM outbox WHERE sent_at IS NOT NULL ORDER BY random() LIMIT %s)"""
        patiently(lambda: _ignore(self.rig.rows(fault.target, statement, AGAIN)), 5.0)

    def _deliver_in_disorder(self, fault: Fault) -> End:
        """Events leave the outbox late and in an order that has nothing to do with that of their transactions."""
        patiently(lambda: _ignore(self.rig.rows(fault.target, DISORDER)), 5.0)
        return lambda: patiently(lambda: _ignore(self.rig.rows(fault.target, ORDER)))

    def _poison(self, fault: Fault) -> None:
        """An event that breaks its contract, or one that keeps it and whose handler cannot succeed."""
        if fault.target == "shape":
            service, parker, type_, data = "callcenter", "orders", "aftersales.callcenter.customer.created.v1", {"name": 7}
        else:
            service, parker, type_ = "orders", "finance", "aftersales.orders.work_order.ready.v1"
            data = self._unpayable()
        event = new_id()
        envelope = {
            "specversion": "1.0", "id": str(event), "source": f"/{service}", "type": type_, "subject": str(uuid.uuid4()),
            "time": datetime.now(UTC).isoformat(), "datacontenttype": "application/json", "sequence": 1, "actor": "campaign",
            "orgpath": "/HQ/", "data": data,
        }
        statement = """INSERT INTO outbox (id, type, subject, sequence, envelope, created_at)
            VALUES (%s, %s, %s, 1, %s, now()) ON CONFLICT (id) DO NOTHING"""
        values = (str(event), type_, envelope["subject"], orjson.dumps(envelope).decode())
        try:
            patiently(lambda: _ignore(self.rig.rows(service, statement, *values)))
        except UNLUCKY:  # whether it stands there is looked up when all is healed
            self.unsure.append((service, parker, str(event)))
            raise
        self.poison.setdefault(parker, set()).add(str(event))

    def poisoned(self) -> dict[str, set[str]]:
        """All of ``poison``, when nothing is broken any more."""
        for service, parker, event in self.unsure:
            if self.rig.rows(service, "SELECT FROM outbox WHERE id = %s", event):
                self.poison.setdefault(parker, set()).add(event)
        return self.poison

    def _unpayable(self) -> dict[str, Any]:
        """A finished order whose bill does not add up: made from a real one."""
        found = self.rig.rows("orders", "SELECT envelope->'data' FROM outbox WHERE type LIKE '%%work_order.ready%%' LIMIT 1")
        if not found:
            raise NotReached("no order is ready yet")
        data: dict[str, Any] = found[0][0]
        return {**data, "id": str(uuid.uuid4()), "billing": {**data["billing"], "round": 99, "customer_total": "0.01"}}

    # -- the machine -------------------------------------------------------------------------------------------
    def _fill_disk(self, fault: Fault) -> End:
        self.rig.disk.fill()
        return self._free_disk

    def _free_disk(self) -> None:
        self.rig.disk.free()
        if self.rig.suite.process is not None and self.rig.suite.process.poll() is not None:
            raise AssertionError(f"the supervisor did not survive a full disk:\n{self.rig.suite.tail()}")

    def _jump_clock(self, fault: Fault) -> End:
        self.rig.clock.set(fault.target)
        return lambda: self.rig.clock.set("+0")


DISORDER = """
    CREATE OR REPLACE FUNCTION campaign_disorder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF random() < 0.6 THEN NEW.next_at := clock_timestamp() + random() * interval '3 s'; END IF; RETURN NEW; END $$;
    DROP TRIGGER IF EXISTS campaign_disorder ON outbox;
    CREATE TRIGGER campaign_disorder BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION campaign_disorder()"""
ORDER = "DROP TRIGGER IF EXISTS campaign_disorder ON outbox"


def _stopped(pid: int) -> End:
    os.kill(pid, signal.SIGSTOP)

    def go_on() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    return go_on


def _nothing() -> None:
    """It was over at once."""


def _ignore(rows: object) -> None:
    """Only the effect was wanted."""
