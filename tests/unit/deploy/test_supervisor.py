"""The supervisor outlives what it cannot write down."""

import errno
from pathlib import Path
from typing import Any

import pytest

from deploy.local.folder import DataFolder
from deploy.local.processes import Plan
from deploy.local.supervisor import Supervisor


def test_a_full_disk_ends_nothing_and_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DataFolder(tmp_path)
    plan = Plan(folder, 0)
    plan.bind()
    supervisor = Supervisor(folder, -1, plan, None, "", print)
    written: list[Any] = []
    room = False

    def write(state: dict[str, Any] | None) -> None:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(state)
        supervisor.stopping = True

    monkeypatch.setattr(folder, "write_state", write)
    supervisor._write_state()
    assert not written

    def room_again(_seconds: float) -> None:
        nonlocal room
        room = True

    monkeypatch.setattr(supervisor, "_wait", room_again)
    monkeypatch.setattr(supervisor, "_all_ready", lambda: False)
    supervisor._loop()
    assert [state["url"] for state in written] == [plan.url], "noted as soon as there was room"
    for listening in plan.sockets.values():
        listening.close()
