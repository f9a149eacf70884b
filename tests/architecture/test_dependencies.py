"""What we are built on: pinned with hashes, installed as pinned and nothing else, under licences that we may use."""

from __future__ import annotations

import re
import sysconfig
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from deploy.local import dependencies
from tests.support.cells import over
from tests.support.world import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PACKAGES = dependencies.pinned(LOCK)
FOLDERS = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
INSTALLED = {dependencies.canonical(one.name): one.version for one in metadata.distributions(path=FOLDERS)}
LICENCES = dependencies.licences(PACKAGES)
BESIDE = {"pip", *re.findall(r"^([\w-]+)==.*--hash=sha256:", (ROOT / "tests/validators.txt").read_text(), re.MULTILINE)}
"""The installer of every virtual environment, and checkers of deployment files where somebody installed them: nothing of ours
imports these."""


def test_what_is_installed_is_the_lock_and_nothing_else():
    assert {name: version for name, version in INSTALLED.items() if name not in BESIDE} == PACKAGES


def test_what_we_ask_for_is_what_the_lock_has():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(line) for line in [*project["dependencies"], *project["optional-dependencies"]["test"]]]
    assert not [str(one) for one in wanted if PACKAGES.get(dependencies.canonical(one.name)) not in one.specifier]


@pytest.mark.parametrize("line", ["flask", "flask>=3", "flask==3.1.3", "flask==3.1.3 \\\n    --hash=md5:00", "-e .", "--index-url x"])
def test_a_line_without_version_or_hash_is_noticed(line: str):
    with pytest.raises(ValueError, match=re.escape(line.split()[0])):
        dependencies.pinned(f"{LOCK}{line}\n")


@over("name", LICENCES)
def test_its_licence_is_one_of_ours(name: str):
    assert dependencies.acceptable(LICENCES[name]), LICENCES[name]


@pytest.mark.parametrize(("expression", "fits"), [
    ("MIT", True), ("MPL-2.0 AND (Apache-2.0 OR MIT)", True), ("GPL-3.0-or-later", False), ("MIT OR AGPL-3.0-only", False),
    ("unknown", False), ("LicenseRef-Proprietary", False),
])
def test_licences_that_bind_us_are_noticed(expression: str, fits: bool):
    assert dependencies.acceptable(expression) is fits


def test_the_table_is_what_is_installed():
    """Made by `./aftersales audit-dependencies --licences`."""
    rows = re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \|$", (ROOT / "docs/licences.md").read_text(), re.MULTILINE)
    assert dict(rows[2:]) == LICENCES
