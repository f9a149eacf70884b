"""What the benchmarks reckon with: ratios, what a log of statements says, and how a case is replayed."""

from __future__ import annotations

import io
import uuid

import pytest
from rich.console import Console

from bench import ratios, statements
from bench.ratios import Ratio
from bench.statements import Sent
from chassis.db.statements import Prepared
from chassis.domain.aggregate import new_id
from deploy.local.databases import Database

LOG = """2026-11-22 08:01:52.628 UTC [11] o orders.http LOG:  statement: BEGIN; SET LOCAL app.scope = '/'; SELECT 1
\tFROM work_orders
2026-11-22 08:01:52.630 UTC [12] o aftersales courier LOG:  statement: LISTEN outbox
2026-11-22 08:01:52.631 UTC [9]  LOG:  checkpoint starting: time
2026-11-22 08:01:52.632 UTC [11] o orders.http LOG:  statement: UPDATE work_orders SET state = 'x'; COMMIT
2026-11-22 08:01:52.640 UTC [13] other psql LOG:  statement: SELECT 2
"""
DATABASES = {"orders": Database("orders", "postgresql://o_owner@h/o", "postgresql://o_app@h/o")}


def test_what_a_log_says_is_counted_by_process():
    sent = statements.of_cases(statements._read(io.StringIO(LOG).readlines()), DATABASES)
    assert sent[0].text.endswith("SELECT 1\nFROM work_orders")
    assert statements.count(sent) == {"orders.http": (2, 2)}, "what is asked without a case, and elsewhere, does not count"


def test_transactions_are_replayed_whole_with_ids_of_their_own():
    made, master = str(new_id()), "0190a000-0000-7000-8000-000000000000"
    sent = [Sent("1", "o", "a", f"BEGIN; SELECT '{made}', '{master}'"), Sent("2", "o", "b", "SELECT 'RE26110001'"),
            Sent("1", "o", "a", f"INSERT '{made}'; COMMIT")]
    replay = statements.Replay(sent, DATABASES, since=1_760_000_000)
    assert [one.session for one in replay._sent] == ["2", "1", "1"], "a transaction in one piece, in the order of the ends"
    first = [replay._renamed(one.text, uuid.uuid4()) for one in replay._sent]
    assert made not in "".join(first) and master in first[1] and "'RE26110001'" not in first[0]
    once = uuid.uuid4()
    renamed = replay._renamed(made, once)
    assert renamed in replay._renamed(sent[2].text, once), "one id has one other everywhere"


class Cursor:
    """Hands out two rows of the outbox at a claim, and notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def execute(self, text: str) -> None:
        self.sent.append(text)

    def fetchall(self) -> list[tuple[int]]:
        return [(7,), (8,)]


def test_what_is_replayed_marks_what_it_claims():
    claim, mark = "SELECT position FROM outbox LIMIT {} FOR UPDATE SKIP LOCKED", "UPDATE outbox SET sent_at = now() WHERE position = ANY({})"
    session = Prepared()  # which names what it prepares as the product does

    def said(sql: str, value: str) -> str:
        return session.prepared(sql.format("%s")) % value

    sent = [Sent("1", "o", "courier", f"BEGIN; {said(claim, '50')}", early=True), Sent("1", "o", "courier", f"BEGIN; {said(claim, '50')}"),
            Sent("1", "o", "courier", f"{said(mark, 'ARRAY[101, 102]')}; COMMIT"),
            Sent("1", "o", "courier", f"BEGIN; {said(claim, '50')}"), Sent("1", "o", "courier", "COMMIT")]
    claim, mark = claim.format("$1"), mark.format("$1")
    replay, cursor = statements.Replay(sent, DATABASES, since=0), Cursor()
    statements._send({"o": cursor}, [replay._case(uuid.uuid4())])
    assert replay._kept == {"o": {claim: "f0", mark: "f1"}}, "prepared before, whenever they did it, under names of one connection"
    assert [text.partition("/*")[0] for text in cursor.sent] == [
        "BEGIN; EXECUTE f0(2)", "EXECUTE f1(ARRAY[7,8])", "BEGIN; EXECUTE f0(1)", "COMMIT"]


@pytest.mark.parametrize(("value", "at_least", "reached"), [(140.0, False, True), (141.0, False, False), (141.0, True, True)])
def test_a_ratio_is_held_against_its_line(value: float, at_least: bool, reached: bool):
    row = Ratio("x", value, 100.0, 1.4, at_least)
    out = io.StringIO()
    assert ratios.show(Console(file=out, width=100), "what", "ms", "floor", [row]) is reached
    assert ("missed" in out.getvalue()) is not reached


def test_ways_are_taken_in_turn_and_their_spread_is_told():
    order: list[str] = []
    figures = {"a": iter([1.0, 50.0, 3.0]), "b": iter([2.0, 2.0, 9.0])}

    def take(name: str) -> float:
        order.append(name)
        return next(figures[name])

    taken = ratios.in_turn(3, lambda: take("a"), lambda: take("b"))
    assert order == ["a", "b"] * 3
    row = Ratio.of("x", *taken)
    assert (row.value, row.floor, row.ratio, row.spread) == (3.0, 2.0, 1.5, (3.0 / 9.0, 25.0))
