"""A PostgreSQL of the campaign's own on a TCP port: the embedded binaries, reached as a server would be."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psutil
import psycopg2

from deploy.local.postgres import SUPERUSER, EmbeddedPostgres

RULE = "host all all 127.0.0.1/32 scram-sha-256\n"


class TcpPostgres(EmbeddedPostgres):
    """Listens on 127.0.0.1 beside its socket; everybody signs in with a password."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, settings={"listen_addresses": "127.0.0.1", "port": str(port), "max_connections": "300"})
        self.port = port

    def start(self, timeout: float = 60.0) -> None:
        super().start(timeout)
        rules = self.cluster / "pg_hba.conf"
        if RULE not in rules.read_text():
            rules.write_text(rules.read_text().replace("host ", "# host ") + RULE)
            with closing(psycopg2.connect(self.dsn())) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT pg_reload_conf()")

    def server_url(self, port: int | None = None) -> str:
        """As the superuser, over TCP (``port``: that of a proxy in front)."""
        return f"postgresql://{SUPERUSER}:{self._superuser_password()}@127.0.0.1:{port or self.port}/postgres"

    def dsn(self, database: str = "postgres") -> str:
        return f"{super().dsn(database)} port={self.port}"


def crash(postmaster: int) -> None:
    """SIGKILL for a whole server at once, as when the machine goes down."""
    try:
        head = psutil.Process(postmaster)
        family = [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)


def backends(postmaster: int, role: str) -> list[int]:
    """Server processes of connections of this role, oldest first."""
    try:
        children = psutil.Process(postmaster).children()
    except psutil.NoSuchProcess:
        return []
    found = []
    for process in children:
        try:
            title = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if f" {role} " in title:
            found.append(process.pid)
    return sorted(found)
