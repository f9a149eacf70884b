"""Data of a version before, opened with this one: from its data folder, or from its backup put into a new one."""

from __future__ import annotations

import json
import lzma
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.before.answers import Answers, ask_all
from tests.support.client import Client
from tests.support.company import Company, Site
from tests.support.servers import Servers
from tests.support.suites import RunningSuite


@dataclass(frozen=True)
class Kept:
    """What `make.py` keeps of a version."""

    place: Path

    @property
    def story(self) -> dict[str, Any]:
        return dict(json.loads((self.place / "story.json").read_text(encoding="utf-8")))

    @property
    def figures(self) -> dict[str, Any]:
        return dict(json.loads((self.place / "figures.json").read_text(encoding="utf-8")))

    @property
    def answers(self) -> dict[str, Answers]:
        """By user."""
        with lzma.open(self.place / "answers.json.xz") as file:
            return dict(json.load(file))

    def unpack(self, target: Path) -> Path:
        """The data folder, owned by whoever unpacks it."""
        with lzma.open(self.place / "folder.tar.xz") as file, tarfile.open(fileobj=file) as archive:
            archive.extractall(target, filter="tar")
        return target / "data"


@dataclass
class Opened:
    """A running suite with the data of ``kept``. ``answers``: what it said to everybody before anything was done in it."""

    kept: Kept
    suite: RunningSuite
    answers: dict[str, Answers]

    def client(self, username: str) -> Client:
        story = self.kept.story
        password = story["admin"] if username == "admin" else story["password"]
        return Client(self.suite.base, username, password, patience=30.0)

    def company(self) -> Company:
        return CompanyBefore(self)


class CompanyBefore(Company):
    """The company that is in the data, to go on with."""

    def __init__(self, opened: Opened) -> None:
        told = opened.kept.story
        self.admin, self.mark = opened.client("admin"), told["mark"]
        self.rate, self.product, self.parts = told["rate"], told["product"], told["parts"]
        self.sites = [
            Site(self, site["code"], site["path"], {role: opened.client(name) for role, name in site["users"].items()},
                 id=site["id"], technician=site["technician"], good=site["good"], bad=site["bad"])
            for site in told["sites"]
        ]


@contextmanager
def opened(kept: Kept, way: str, servers: Servers | None = None) -> Iterator[Opened]:
    """``way``: "folder" or "backup"; a backup may go to ``servers``."""
    with tempfile.TemporaryDirectory(prefix="aftersales-before-") as name:
        folder = kept.unpack(Path(name)) if way == "folder" else Path(name) / "restored"
        suite = RunningSuite(servers, folder=folder, extra={"AFTERSALES_WEBHOOK_NETWORKS": "127.0.0.1/32"})
        suite.password = kept.story["admin"]
        try:
            if way == "backup":
                done = suite.run("restore", str(kept.place / "suite.backup"), "--keys", str(kept.place / "keyring.json"))
                assert done.returncode == 0, done.stdout + done.stderr
            found = Opened(kept, suite.start(), {})
            found.answers = {name: ask_all(found.client(name), list(answers)) for name, answers in kept.answers.items()}
            yield found
        finally:
            suite.dispose()
