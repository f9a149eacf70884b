"""Run inside the version whose data are kept: starts it, tells the story, takes over real repairs, writes down what it answers, stops it,
saves it. `make.py` brings the version out of history and puts this folder into it."""

from __future__ import annotations

import json
import lzma
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from chassis import contracts
from chassis.domain.machine import Machine
from deploy.local.folder import DataFolder
from deploy.local.postgres import EmbeddedPostgres
from tests.before import story
from tests.before.answers import LIST, NOT_KEPT, Answers, ask, ask_all
from tests.before.figures import figures
from tests.support.client import Client
from tests.support.company import PASSWORD
from tests.support.receiver import Receiver
from tests.support.suites import RunningSuite
from tests.support.world import services

SHARE_BY_ID = 100
"""Of repairs taken over, with all that hangs on them, each so many-th is asked for by its id too."""
STAFF = ("agent", "technician", "storekeeper", "cashier", "manager")
PEOPLE = ("/customers", "/devices", "/consents", "/disclosures")
"""Which of them a site sees is to become narrower (R-06); what they hold, the administrator's answers show."""
COMPACT = {"wal_recycle": "off", "min_wal_size": "32MB", "max_wal_size": "32MB"}
LEFT_OUT = {"logs", "metrics", "lock", "suite.json", "socket-folder", "postmaster.opts", "postmaster.pid"}
PACKED = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 27}]
"""A window over the whole cluster: the catalogues of its databases are nearly the same."""


def main(target: Path, repairs: Path) -> None:
    data = target / "data"
    suite = RunningSuite(folder=data, extra={"AFTERSALES_WEBHOOK_NETWORKS": "127.0.0.1/32"})
    receiver = Receiver()
    try:
        suite.start()
        told = story.tell(suite, receiver)
        admin = suite.client(patience=30.0)
        newest = max(item["id"] for item in admin.pages("/work-orders"))  # ids tell their time: what is taken over is younger
        run(suite, "import", "ords", str(repairs), timeout=1800)
        run(suite, "reconcile", "--wait", "120")
        answers = {"admin": everything(admin, newest), **{name: seen(Client(suite.base, name, PASSWORD)) for name in users(told)}}
        if missing := list(unreached(answers["admin"])):
            sys.exit(f"the story has nothing in {', '.join(missing)}")
    finally:
        suite.stop()
        receiver.close()
    run(suite, "backup", str(target / "suite.backup"))
    compact(data)
    pack(data, target / "folder.tar.xz")
    (target / "keyring.json").write_bytes((data / "keyring.json").read_bytes())
    (target / "answers.json.xz").write_bytes(lzma.compress(text(answers).encode(), preset=9 | lzma.PRESET_EXTREME))
    (target / "story.json").write_text(text(told), encoding="utf-8")
    (target / "figures.json").write_text(text(figures(answers["admin"])), encoding="utf-8")


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def run(suite: RunningSuite, *words: str, timeout: float = 300) -> None:
    done = suite.run(*words, timeout=timeout)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stdout}{done.stderr}")


# -- what is asked -----------------------------------------------------------------------------------------------------
def readable() -> list[tuple[str, bool]]:
    """Path of each GET operation and whether it has pages; those of documents after the lists that name them."""
    found = [
        (operation.path.removeprefix("/api/v1"), "limit" in {parameter["name"] for parameter in operation.spec.get("parameters", ())})
        for service in contracts.services() for operation in contracts.operations(service) if operation.method == "get"
    ]
    return sorted((one for one in found if not one[0].startswith(NOT_KEPT)), key=lambda one: (one[0].count("{"), one[0]))


def everything(admin: Client, newest: str) -> Answers:
    """Every list, every document in them by its id, and what hangs on each: quotes, timelines, files, payments."""
    known: Answers = {}
    for template, paged in readable():
        for path in filled(template, known, newest):
            path += LIST if paged else ""
            known[path] = ask(admin, path)
    return known


def filled(template: str, known: Answers, newest: str) -> Iterator[str]:
    """The template's paths, for each document of the list that its first parameter chooses from."""
    head, brace, rest = template.partition("{")
    if not brace:
        yield template
        return
    name, _, rest = rest.partition("}")
    chosen = known.get(head.rstrip("/") + LIST) or known.get(head.rstrip("/")) or {}
    for place, item in enumerate(chosen.get("items", ())):
        if str(item.get("id", "")) <= newest or place % SHARE_BY_ID == 0:
            yield from filled(f"{head}{item.get(name) or item['id']}{rest}", known, newest)


def users(told: dict[str, Any]) -> list[str]:
    """Whose answers are kept beside the administrator's: one site's people, and those from outside."""
    return [told["sites"][0]["users"][role] for role in STAFF] + list(told["outsiders"].values())


def seen(client: Client) -> Answers:
    """The lists that this user may read."""
    outside = client.get("/me").get("party_kind") is not None
    paths = [path + LIST for path, paged in readable() if paged and "{" not in path and (outside or path not in PEOPLE)]
    return {path: answer for path, answer in ask_all(client, paths).items() if "items" in answer}


def unreached(answers: Answers) -> Iterator[str]:
    """States of documents in which there is none."""
    services()  # whose modules name their machines
    for name, machine in Machine.registry.items():
        documents = answers.get(f"/{name.replace('_', '-')}s{LIST}")
        seen = {one["state"] for one in documents["items"]} if documents else set(machine.states)
        yield from (f"{name} {state}" for state in machine.states if state not in seen)


# -- what is kept ------------------------------------------------------------------------------------------------------
def compact(data: Path) -> None:
    """Tables without their dead rows, and the write-ahead log cut to what the next start needs, by PostgreSQL itself."""
    with EmbeddedPostgres(DataFolder(data).postgres, log=data / "logs" / "postgres.log", settings=COMPACT) as server:
        with closing(psycopg2.connect(server.dsn())) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT datname FROM pg_database WHERE datallowconn")
            names = [name for (name,) in cursor.fetchall()]
        for name in names:
            with closing(psycopg2.connect(server.dsn(name))) as connection:
                connection.autocommit = True
                connection.cursor().execute("VACUUM (FULL, ANALYZE)")
        with closing(psycopg2.connect(server.dsn())) as connection:
            connection.autocommit = True
            for statement in ("CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT"):
                connection.cursor().execute(statement)


def pack(data: Path, target: Path) -> None:
    """Everything but logs and what tells of a running suite. Whoever unpacks it owns it."""

    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if LEFT_OUT & set(Path(entry.name).parts):
            return None
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with lzma.open(target, "wb", filters=PACKED) as file, tarfile.open(fileobj=file, mode="w") as archive:
        archive.add(data, arcname="data", filter=kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
