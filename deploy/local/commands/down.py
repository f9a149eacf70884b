"""Stop a detached suite: clean, within 20 seconds."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

PATIENCE = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    pass


def run(arguments: argparse.Namespace) -> int:
    """0 when the suite is down at the end."""
    folder = arguments.data
    pid = folder.state.get("pid") if folder.locked else None
    if pid is None:
        print(f"the suite of {folder.path} is down")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while folder.locked:
        if time.monotonic() > deadline:
            print(f"process {pid} still runs after {PATIENCE:g} s", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print("stopped")
    return 0
