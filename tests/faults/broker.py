"""RabbitMQ of the campaign's own: one node or a cluster of three, without containers, beside any other on the machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.suites import free_port

SCRIPTS = (Path("/usr/lib/rabbitmq/bin"), Path("/opt/rabbitmq/sbin"), Path("/usr/local/sbin"))


def scripts() -> Path | None:
    """Where RabbitMQ's own scripts are; those on the search path are wrappers that change the user."""
    return next((folder for folder in SCRIPTS if (folder / "rabbitmq-server").exists()), None)


@dataclass
class Node:
    name: str
    port: int
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def launch(self) -> None:
        place = scripts()
        assert place is not None
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [str(place / "rabbitmq-server")], env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )

    def signal(self, number: int) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def end(self, number: int, patience: float = 40.0) -> None:
        """SIGKILL or SIGTERM, until it is gone."""
        if self.process is None:
            return
        self.signal(number)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def answers(self) -> bool:
        """Whether it speaks the protocol: its port alone is open earlier."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                connection.settimeout(3.0)
                connection.sendall(b"AMQP\0\0\x09\x01")
                return bool(connection.recv(8))
        except OSError:
            return False

    @property
    def last_words(self) -> str:
        return (self.folder / "output").read_text(errors="replace")[-1500:]


class Broker:
    """``folder`` should have a short path. Nodes find each other on a port mapper of their own."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        cookie = folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        self.mapper = free_port()
        mark = secrets.token_hex(2)
        names = [f"faults{mark}{number}@localhost" for number in range(1, nodes + 1)]
        config = folder / "rabbitmq.conf"
        peers = [f"cluster_formation.classic_config.nodes.{n} = {name}" for n, name in enumerate(names, start=1)]
        config.write_text("\n".join([
            "cluster_formation.peer_discovery_backend = classic_config", *peers,
            "cluster_partition_handling = pause_minority", "vm_memory_high_watermark.absolute = 600MB",
            "disk_free_limit.absolute = 20MB", "log.console.level = warning", "",
        ]))
        (folder / "enabled_plugins").write_text("[].\n")
        self.nodes = [self._node(name) for name in names]

    def _node(self, name: str) -> Node:
        folder = self.folder / name.partition("@")[0]
        folder.mkdir()
        port = free_port()
        environment = {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "HOME": str(self.folder), "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.mapper), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": name, "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(free_port()), "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}",
        }
        return Node(name, port, folder, environment)

    def start(self, within: float = 120.0) -> None:
        """All nodes that are down, and waits until all answer (and know each other)."""
        for node in self.nodes:
            if node.process is None:
                node.launch()
        deadline = time.monotonic() + within
        for node in self.nodes:
            while not node.answers():
                if time.monotonic() > deadline or (node.process is not None and node.process.poll() is not None):
                    raise TimeoutError(f"{node.name} does not answer: {node.last_words}")
                time.sleep(0.3)
        while len(self.nodes) > 1 and self.running() < len(self.nodes):
            if time.monotonic() > deadline:
                raise TimeoutError("the cluster did not form")
            time.sleep(0.5)

    def stop(self) -> None:
        """All nodes at once, cleanly."""
        for node in self.nodes:
            node.signal(signal.SIGTERM)
        for node in self.nodes:
            node.end(signal.SIGTERM)

    def dispose(self) -> None:
        for node in self.nodes:
            node.end(signal.SIGKILL)
        mapper = shutil.which("epmd") or "/usr/bin/epmd"
        with suppress(OSError):
            time.sleep(0.3)
            subprocess.run([mapper, "-port", str(self.mapper), "-kill"], capture_output=True, timeout=10)

    # -- questions ---------------------------------------------------------------------------------------------
    def ctl(self, *words: str) -> str:
        """Of the first node that answers. Raises TimeoutError when none does."""
        place = scripts()
        assert place is not None
        for node in self.nodes:
            if node.process is None:
                continue
            with suppress(subprocess.TimeoutExpired):
                done = subprocess.run(
                    [str(place / "rabbitmqctl"), "-n", node.name, "--silent", *words], env=node.environment, capture_output=True,
                    text=True, timeout=30,
                )
                if done.returncode == 0:
                    return done.stdout
        raise TimeoutError(f"no node answers {words}")

    def running(self) -> int:
        """How many nodes the first one sees running."""
        try:
            return len(json.loads(self.ctl("cluster_status", "--formatter", "json"))["running_nodes"])
        except TimeoutError:
            return 0

    def leader(self, queue: str) -> Node | None:
        for line in self.ctl("list_queues", "name", "leader").splitlines():
            name, _, leader = line.partition("\t")
            if name == queue:
                return next((node for node in self.nodes if node.name == leader.strip()), None)
        return None

    def live(self) -> Node:
        for node in self.nodes:
            if node.process is not None and node.answers():
                return node
        raise TimeoutError("no node of the broker answers")
