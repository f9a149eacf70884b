"""What makes forking the suite from one loaded process safe: nothing open but the sockets, and no random state shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PRELOAD = """
import json, sys, threading
from pathlib import Path
import psutil
from deploy.local import supervisor
from deploy.local.folder import DataFolder
from deploy.local.processes import Plan
plan = Plan(DataFolder(Path(sys.argv[1])), 0)
plan.bind()
plan.preload()
me = psutil.Process()
print(json.dumps({
    "threads": [thread.name for thread in threading.enumerate()] + [str(t.id) for t in me.threads()[1:]],
    "connections": [c.status for c in me.net_connections("all") if c.status != "LISTEN"],
    "listening": len(me.net_connections()), "nameko": [m for m in sys.modules if m.startswith(("nameko", "eventlet"))],
}))
"""
RANDOM = """
import os, random
import uuid_utils
from deploy.local import supervisor
from chassis.domain.aggregate import new_id
new_id(), random.random()
for _ in range(2):
    if os.fork() == 0:
        print(str(new_id())[-18:], random.random(), os.urandom(4).hex(), flush=True)
        os._exit(0)
    os.wait()
"""


def run(program: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}).stdout


def test_preloading_opens_nothing(tmp_path: Path) -> None:
    found = json.loads(run(PRELOAD, str(tmp_path)).splitlines()[-1])
    assert found == {"threads": ["MainThread"], "connections": [], "listening": 6, "nameko": []}


def test_two_forks_never_make_the_same_id() -> None:
    first, second = (line.split() for line in run(RANDOM).splitlines())
    assert not set(first) & set(second)
