"""``./aftersales`` as the campaign starts it: the same commands, with a planted bug in every process when one is named."""

from __future__ import annotations

import os
import select
import sys
import time

JUMPS = "FAKETIME_TIMESTAMP_FILE" in os.environ
if JUMPS:  # libfaketime 0.9.10 refuses the system call behind time.sleep while it leaves the monotonic clock alone
    time.sleep = lambda seconds: select.select([], [], [], seconds) and None

from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402
from typing import Any  # noqa: E402

from deploy import process  # noqa: E402
from deploy.local import processes  # noqa: E402
from tests.faults import plants  # noqa: E402

PLANT = "AFTERSALES_PLANT"


def main(arguments: list[str]) -> int:
    plant = os.environ.get(PLANT, "")
    if arguments[:1] == ["worker"]:
        return _work(arguments[1], plant)
    if plant or JUMPS:
        processes._worker = _worker  # a program of its own, so it comes by here again
        processes.Plan.preload = _followed(processes.Plan.preload, partial(plants.apply, plant))  # type: ignore[method-assign]
    from deploy.local.cli import main as command

    return command(arguments)


def _work(name: str, plant: str) -> int:
    # It replaces sockets and threads before anything else is imported.
    from chassis.messaging import worker

    plants.apply(plant)
    worker.run_worker(__import__(f"{process.package(name)}.app", fromlist=["SERVICE"]).SERVICE)
    return 0


def _worker(name: str) -> None:
    os.execve(sys.executable, [sys.executable, "-P", "-m", "tests.faults.launcher", "worker", name], dict(os.environ))


def _followed(first: Callable[[Any], None], then: Callable[[], None]) -> Callable[[Any], None]:
    def both(self: Any) -> None:
        first(self)
        then()

    return both


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
