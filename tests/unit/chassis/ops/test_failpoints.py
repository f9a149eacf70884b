"""Points do nothing unless armed, and then once, to the process that was meant."""

import os
import signal
from pathlib import Path

import pytest

from chassis.ops import failpoints
from chassis.ops.failpoints import POINTS, Broken, arm, disarm, hit, taken


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(failpoints, "FOLDER", str(tmp_path))
    return tmp_path


def test_unarmed_nothing_happens(folder: Path):
    hit("uow.commit", "orders", "ann")
    assert not any(folder.iterdir())


def test_an_order_is_obeyed_once(folder: Path):
    arm(folder, "uow.commit", "raise")
    with pytest.raises(Broken):
        hit("uow.commit", "orders", "ann")
    hit("uow.commit", "orders", "ann")
    assert taken(folder, "uow.commit") == os.getpid()


def test_only_whom_it_is_meant_for(folder: Path):
    arm(folder, "inbox.handling", "raise", "finance aftersales.orders")
    hit("inbox.handling", "orders", "aftersales.finance.bill.issued.v1")
    assert taken(folder, "inbox.handling") is None
    with pytest.raises(Broken):
        hit("inbox.handling", "finance", "aftersales.orders.work_order.ready.v1")


def test_taken_back_in_time(folder: Path):
    arm(folder, "uow.commit", "kill")
    assert disarm(folder, "uow.commit")
    hit("uow.commit")
    assert not disarm(folder, "uow.commit")


@pytest.mark.parametrize("order, number", [("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)])
def test_the_process_itself_dies_or_stops(folder: Path, order: str, number: int):
    arm(folder, "uow.committed", order)
    pid = os.fork()
    if pid == 0:
        hit("uow.committed")
        os._exit(0)
    _, status = os.waitpid(pid, os.WUNTRACED)
    if number == signal.SIGSTOP:
        assert os.WIFSTOPPED(status)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    else:
        assert os.WTERMSIG(status) == number
    assert taken(folder, "uow.committed") == pid


def test_unknown_points_are_not_armed(folder: Path):
    with pytest.raises(ValueError):
        arm(folder, "somewhere", "kill")


def test_every_point_is_passed_somewhere():
    root = Path(failpoints.__file__).parents[2]
    code = "".join(path.read_text() for top in ("chassis", "gateway") for path in (root / top).rglob("*.py"))
    assert [point for point in POINTS if f'failpoints.hit("{point}"' not in code] == []
