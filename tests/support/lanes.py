"""Which tests go to the same worker of pytest-xdist, and what a worker tells the run when it ends.

A group is what shares something dear: a running suite, or the connections of the shared servers. Groups that take longest come
first, so that the workers end together.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

FIRST = ("servers", "security", "stories", "campaigns", "browser", "tests/integration/gateway/")
ON_SERVERS = re.compile(r"\[(.*-)?servers(-.*)?\]$")
SHARED = ("tests/security/servers/", "tests/operation/test_upgrade.py", "tests/integration/deploy/test_image.py")
EARLY = "tests/security/servers/"
"""It has a suite and gateways of its own: an ordinary server has no connections for them beside the shared suite."""
LATE = ("tests/integration/deploy/test_monitoring.py", "tests/security/fuzz/")
"""The first asks for what the shared suite tells once a minute: nothing to wait for when that has run for a while. What fuzzers get
through changes things at random, so they come when the others are done with the world they share."""
FOLDERS = {"faults": "campaigns", "security": "security", "browser": "browser", "scenarios": "stories", "partners": "stories"}
TOGETHER = ("tests/integration/gateway/",)
"""Files of one package whose shared fixture takes seconds: on one worker and in a row they pay for it once, not file by file."""


def group(nodeid: str) -> str:
    """Tests on the shared servers stay together, since an ordinary server has connections for one suite at a time; campaigns
    bring servers of their own."""
    place = nodeid.partition("::")[0]
    folder = place.split("/")[1]
    if folder != "faults" and (ON_SERVERS.search(nodeid) or place.startswith(SHARED)):
        return "servers"
    return next((package for package in TOGETHER if place.startswith(package)), None) or FOLDERS.get(folder, place)


class Lanes(LoadScopeScheduling):
    """A worker takes group after group, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


class Tellings:
    """The run as a whole: its order, who runs what, and what tests want said at its end, by section, from all workers."""

    def __init__(self) -> None:
        self.sections: dict[str, list[str]] = {"suites": [], "security": []}

    def add(self, section: str, line: str) -> None:
        if line not in self.sections[section]:
            self.sections[section].append(line)

    @pytest.hookimpl(trylast=True)  # after pytest has brought together what shares a parameter
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = {name: place for place, name in enumerate(FIRST)}
        items.sort(key=lambda item: (
            order.get(group(item.nodeid), len(order)), not item.nodeid.startswith(EARLY), item.nodeid.startswith(LATE)
        ))  # fmt: skip

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["tellings"] = self.sections

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Lanes:
        return Lanes(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for section, lines in getattr(node, "workeroutput", {}).get("tellings", {}).items():
            for line in lines:
                self.add(section, line)

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for section, lines in self.sections.items():
            if lines:
                terminalreporter.section(section)
            for line in lines:
                terminalreporter.line(line)
