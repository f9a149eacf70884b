"""Every command of docs/operating.md, in the order of the page, on a suite of its own."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import process
from deploy.local.cli import COMMANDS
from tests.support.suites import ADMIN_PASSWORD, ROOT, environment, free_port
from tests.unit.deploy.test_compose import SERVICES

PAGES = (ROOT / "docs" / "operating.md", ROOT / "deploy" / "kubernetes" / "README.md")
BLOCK = re.compile(r"^```sh ?(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, text) for page in PAGES for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))]
HERE = [text for kind, text in BLOCKS if not kind]
ELSEWHERE = [line for kind, text in BLOCKS if kind for line in text.splitlines()]
DEPLOYMENTS = {f"{name}-http" for name in process.HTTP} | {
    f"{name}-{kind}" for name in process.WITH_DATABASE for kind in ("relay", "worker")
}


@pytest.fixture(scope="module")
def place() -> Iterator[dict[str, str]]:
    """Environment of an operator: a data folder, a port, a place for backups."""
    folder = Path(tempfile.mkdtemp(prefix="aftersales-operating-"))
    (folder / "backups").mkdir()
    given = {"DATA": str(folder / "数据"), "PORT": str(free_port()), "BACKUPS": str(folder / "backups"),
             "AFTERSALES_ADMIN_PASSWORD": ADMIN_PASSWORD}
    try:
        yield environment(given)
    finally:
        subprocess.run([str(ROOT / "aftersales"), "down", "--data", given["DATA"]], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_every_block_is_run_or_marked() -> None:
    assert {kind for kind, _ in BLOCKS} <= {"", "docker", "kubernetes", "network"}
    assert len(HERE) >= 7
    assert all(page.read_text().count("```") == 2 * len(BLOCK.findall(page.read_text())) for page in PAGES)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_page_from_top_to_bottom(place: dict[str, str]) -> None:
    for number, text in enumerate(HERE):
        if number and "up " in text and "down" not in text and "restore" not in text:  # a suite is up already
            subprocess.run([str(ROOT / "aftersales"), "down", "--data", place["DATA"]], check=True, capture_output=True)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=ROOT, env=place, capture_output=True, text=True,
                              timeout=400)
        assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("line", ELSEWHERE)
def test_what_needs_docker_or_kubernetes_names_what_is_there(line: str) -> None:
    words = shlex.split(line)
    assert words[0] in ("cp", "docker", "kubectl", "openssl", "python", "./aftersales")
    if words[0] == "./aftersales":
        assert words[1] in COMMANDS
    made = {"deploy/.env", "deploy/kubernetes/secrets.env", "deploy/kubernetes/signing-key.pem", "deploy/kubernetes/keyring.json"}
    for word in words:
        if word.startswith("deploy/") and word not in made:
            assert (ROOT / word).exists(), word
        if word.startswith("deployment/"):
            assert word.removeprefix("deployment/") in DEPLOYMENTS
        if word.startswith("job/"):
            assert word == "job/migrate"
        if "=" in word and words[0] == "docker":
            assert word.partition("=")[0] in SERVICES
    if words[0] == "kubectl" and "-k" not in words:
        assert words[1:3] == ["-n", "aftersales"]
    if words[0] == "docker":
        assert words[1:4] == ["compose", "-f", "deploy/compose.yaml"]
