"""What the suite leaves behind after a whole case, read as somebody would who found the disk: files of the database, logs, backups,
metrics, command lines and environments. None tells who the customer is, and no secret. Then the ring is turned under way,
and a backup of before goes to another machine."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
import pytest
import requests

from chassis.crypto import Ring
from deploy.local.folder import DataFolder
from deploy.local.postgres import EmbeddedPostgres
from tests.conftest import servers_for
from tests.support.case import Case
from tests.support.client import eventually
from tests.support.company import PASSWORD, Company
from tests.support.suites import RunningSuite

NAME, NUMBER = "钟离春晓", "+8613866554433"
PERSON = (NAME, NUMBER, NUMBER[3:], "138-6655-4433", json.dumps(NAME)[1:-1])


@pytest.fixture(scope="module")
def own(mode: str) -> Iterator[RunningSuite]:
    running = RunningSuite(servers_for(mode)).start()
    try:
        yield running
    finally:
        running.dispose()


@pytest.fixture(scope="module")
def case(own: RunningSuite) -> Case:
    """A case from the call to its audit; the customer is changed, searched and listed by everybody meanwhile."""
    company = Company(own.client())
    for part in company.parts:
        company.receive(company.sites[0], [(part["id"], 50)])
    case = Case(company).walk()
    agent = company.sites[0].as_("agent")
    path = f"/customers/{case.customer['id']}"
    assert agent.call("PATCH", path, {"name": NAME, "phone": NUMBER}, key="found-disk").json["phone"] == NUMBER
    eventually(lambda: agent.get("/work-orders", q=NUMBER[1:])["items"], "the order is found by the new number")
    for form in (NUMBER, "138-6655-4433", "8613866554433"):
        assert [one["id"] for one in agent.get("/customers", phone=form)["items"]] == [case.customer["id"]]
    assert agent.get(f"/work-orders/{case.id}")["customer_name"] == NAME
    assert agent.get("/customers", q=NAME[:2], sort="name")["items"][0]["name"] == NAME
    agent.call("POST", "/customers", {"name": NAME, "phone": NUMBER, "surprise": NAME})
    agent.call("GET", f"/customers?phone={quote(NAME)}")
    return case


def secrets(own: RunningSuite) -> list[str]:
    folder = DataFolder(own.data)
    ring = json.loads(folder.keyring.read_text())
    kept = json.loads((folder.path / "secrets.json").read_text())
    signing = folder.signing_key.read_text().splitlines()[1]
    return [PASSWORD, own.password, signing, ring["index"], *(key["secret"] for key in ring["keys"].values()), *kept.values()]


def texts(own: RunningSuite, tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of everything that was written."""
    folder = DataFolder(own.data)
    for path in folder.logs.glob("*.log"):
        yield f"log {path.name}", path.read_bytes()
    for name in own.pids():
        try:
            process = psutil.Process(own.pids()[name])
            yield f"command line of {name}", " ".join(process.cmdline()).encode()
        except psutil.NoSuchProcess:
            continue
    answer = requests.get(f"{own.base}/metrics", timeout=10)
    yield "metrics", answer.content
    file = tmp_path / "found.backup"
    file.unlink(missing_ok=True)
    saved = own.run("backup", str(file))
    assert saved.returncode == 0, saved.stdout + saved.stderr
    yield "output of backup", (saved.stdout + saved.stderr).encode()
    with zipfile.ZipFile(file) as archive:
        for entry in archive.namelist():
            yield f"backup {entry}", archive.read(entry)
    found = own.run("reconcile", "--json")
    assert found.returncode == 0, found.stdout + found.stderr
    yield "output of reconcile", (found.stdout + found.stderr).encode()
    if own.mode == "embedded":
        with psycopg2.connect(EmbeddedPostgres(folder.postgres).url()) as server:
            server.autocommit = True
            server.cursor().execute("CHECKPOINT")
        for path in folder.postgres.rglob("*"):
            if path.is_file() and not path.is_symlink():
                try:
                    yield f"file {path.relative_to(folder.postgres)}", path.read_bytes()
                except FileNotFoundError:
                    continue


def test_nothing_that_is_written_tells_who_it_is(own: RunningSuite, case: Case, tmp_path: Path):
    """Not even the write-ahead log: the suite never handed the name to the database."""
    looked = 0
    for name, content in texts(own, tmp_path):
        looked += 1
        for told in PERSON:
            assert told.encode() not in content, f"{name} tells who the customer is"
    assert looked > 50


def test_nothing_that_is_written_tells_a_secret(own: RunningSuite, case: Case, tmp_path: Path):
    for name, content in texts(own, tmp_path):
        for secret in secrets(own):
            assert secret.encode() not in content, f"{name} tells a secret"


@pytest.mark.long
def test_turned_under_way_and_restored_elsewhere(own: RunningSuite, case: Case, tmp_path: Path):
    file, folder = tmp_path / "before.backup", DataFolder(own.data)
    assert own.run("backup", str(file)).returncode == 0
    first = Ring.parse(folder.keyring.read_text()).current
    agent = case.site.as_("agent")
    turned = own.run("rotate-keys")
    assert turned.returncode == 0, turned.stdout + turned.stderr
    ring = Ring.parse(folder.keyring.read_text())
    assert ring.current != first and ring.keys[first].retired_at is not None
    assert [one["name"] for one in agent.get("/customers", phone=NUMBER)["items"]] == [NAME]
    made = agent.created("/customers", {"name": NAME, "phone": NUMBER})
    assert made["warnings"][0]["matches"], "numbers are found under either key"
    early = own.run("rotate-keys", "--forget")
    assert early.returncode == 1 and "ago" in early.stderr
    assert own.run("restore", str(file), "--check").returncode == 0
    if own.mode == "embedded":
        elsewhere = RunningSuite()
        try:
            refused = elsewhere.run("restore", str(file))
            assert refused.returncode == 2 and "--keys" in refused.stderr
            restored = elsewhere.run("restore", str(file), "--keys", str(folder.keyring))
            assert restored.returncode == 0, restored.stderr
            found = elsewhere.start().client().get("/customers", phone=NUMBER)["items"]
            assert [one["id"] for one in found] == [case.customer["id"]]
        finally:
            elsewhere.dispose()
