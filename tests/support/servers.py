"""Real PostgreSQL and RabbitMQ: found by the two variables, on their usual local ports, or started in containers. Every
suite gets databases under a prefix and a virtual host of its own; both are dropped with it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import pika
import psycopg2
from psycopg2 import sql

LOCAL_DATABASE = "postgresql://postgres@127.0.0.1:5432/postgres"
LOCAL_BROKER = "amqp://guest:guest@127.0.0.1:5672/"


@dataclass
class Servers:
    """``database`` and ``broker``: URLs that may create databases and publish. ``containers``: what we started."""

    database: str
    broker: str
    containers: list[Any] = field(default_factory=list)

    def environment(self, prefix: str) -> dict[str, str]:
        return {
            "AFTERSALES_DATABASE_URL": self.database,
            "AFTERSALES_AMQP_URL": self.virtual_host(prefix.rstrip("_")),
            "AFTERSALES_DATABASE_PREFIX": prefix,
        }

    def virtual_host(self, name: str) -> str:
        """The URL of an own virtual host, made when missing; the given one where nobody here may make one."""
        made = manage(self.broker, "PUT", f"/api/vhosts/{name}") or rabbitmqctl("add_vhost", name)
        if not made and not can_connect(replace_path(self.broker, name)):
            return self.broker
        user = urlsplit(self.broker).username or "guest"
        manage(self.broker, "PUT", f"/api/permissions/{name}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
        rabbitmqctl("set_permissions", "-p", name, user, ".*", ".*", ".*")
        return replace_path(self.broker, name)

    def cut_connections(self, prefix: str) -> bool:
        """Close every connection to the suite's virtual host; False where nobody here may."""
        name = prefix.rstrip("_")
        if rabbitmqctl("close_all_connections", "--vhost", name, "test of outages"):
            return True
        listed = ask(self.broker, f"/api/vhosts/{name}/connections")
        return bool(listed) and all(
            manage(self.broker, "DELETE", f"/api/connections/{quote(item['name'], safe='')}") for item in listed or ()
        )

    def drop(self, prefix: str) -> None:
        name = prefix.rstrip("_")
        manage(self.broker, "DELETE", f"/api/vhosts/{name}") or rabbitmqctl("delete_vhost", name)
        with closing(psycopg2.connect(self.database)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (prefix,))
            for (database,) in cursor.fetchall():
                cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
            cursor.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", (prefix,))
            for (role,) in cursor.fetchall():
                cursor.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    def close(self) -> None:
        for container in self.containers:
            container.stop()


def find() -> tuple[Servers | None, str]:
    """The servers to test on and how they were found, or None and why there are none."""
    named = os.environ.get("AFTERSALES_DATABASE_URL"), os.environ.get("AFTERSALES_AMQP_URL")
    if named[0] and named[1]:
        return Servers(named[0], named[1]), "given by the environment"
    if can_query(LOCAL_DATABASE) and can_connect(LOCAL_BROKER):
        return Servers(LOCAL_DATABASE, LOCAL_BROKER), "on their usual local ports"
    return from_containers()


def from_containers() -> tuple[Servers | None, str]:
    why = "no PostgreSQL and RabbitMQ on 127.0.0.1:5432 and :5672, none named by AFTERSALES_DATABASE_URL and AFTERSALES_AMQP_URL"
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        return None, f"{why}, and no Docker to start them"
    try:
        from testcontainers.postgres import PostgresContainer
        from testcontainers.rabbitmq import RabbitMqContainer

        database = PostgresContainer("postgres:16-alpine", driver=None).start()
        broker = RabbitMqContainer("rabbitmq:3.13-management-alpine").start()
    except Exception as error:  # whatever Docker or the network says: the run goes on and names it
        return None, f"{why}; Docker could not start them: {error}"
    address = f"amqp://guest:guest@{broker.get_container_host_ip()}:{broker.get_exposed_port(5672)}/"
    return Servers(database.get_connection_url(), address, [database, broker]), "in containers"


def can_query(url: str) -> bool:
    try:
        with closing(psycopg2.connect(url, connect_timeout=2)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user")
            row = cursor.fetchone()
            return bool(row and row[0])
    except psycopg2.Error:
        return False


def can_connect(url: str) -> bool:
    parameters = pika.URLParameters(url)
    parameters.connection_attempts, parameters.socket_timeout, parameters.blocked_connection_timeout = 1, 2, 2
    try:
        pika.BlockingConnection(parameters).close()
    except (pika.exceptions.AMQPError, OSError):
        return False
    return True


def replace_path(url: str, virtual_host: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(virtual_host, safe="")))


def manage(broker: str, method: str, path: str, body: object = None) -> bool:
    """A call of RabbitMQ's management API, where it runs."""
    return _management(broker, method, path, body) is not None


def ask(broker: str, path: str) -> list[dict[str, Any]] | None:
    found: list[dict[str, Any]] | None = _management(broker, "GET", path)
    return found


def _management(broker: str, method: str, path: str, body: object = None) -> Any:
    """The answer (an empty one is an empty list), None when refused or not there."""
    parts = urlsplit(broker)
    credentials = base64.b64encode(f"{parts.username or 'guest'}:{parts.password or 'guest'}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    try:
        with closing(http.client.HTTPConnection(parts.hostname or "127.0.0.1", 15672, timeout=3)) as connection:
            connection.request(method, path, json.dumps(body or {}), headers)
            reply = connection.getresponse()
            text = reply.read()
            return (json.loads(text) if text else []) if 200 <= reply.status < 300 else None
    except (OSError, http.client.HTTPException):
        return None


def rabbitmqctl(*words: str) -> bool:
    if shutil.which("rabbitmqctl") is None:
        return False
    try:
        return subprocess.run(["rabbitmqctl", "-q", *words], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
