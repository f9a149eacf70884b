"""`bench gateway`: CPU that the gateway takes for one read, beside a bare aiohttp hop (and nginx, where installed) in front of
the same service."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from bench import meter, ratios
from bench.read import crowd
from chassis.service import ROOT
from deploy.local.api import TRANSPORT_ERRORS, Api
from deploy.local.suite import Suite

REACH = 1.4
NGINX = """daemon off; worker_processes 1; error_log stderr; pid {folder}/pid; events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; upstream service {{ server {upstream}; keepalive 32; }}
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://service; proxy_http_version 1.1;
proxy_set_header Connection ""; }} }} }}
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn (default 4)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--clients", type=int, default=4, help="at once (default 4)")


def run(arguments: argparse.Namespace, running: Any) -> int:
    """0 when the gateway stays within reach of the bare hop, else 1."""
    from tests.support.case import Case
    from tests.support.company import Company
    from tests.support.suites import free_port

    console = Console(highlight=False)
    company = Company(running.client())
    site = company.sites[0]
    order = Case(company, site).register().id
    site.as_("manager").get("/me")
    token = str(site.as_("manager").token)
    with Suite.open(running.data, running=True) as suite:
        pids = {name: entry["pid"] for name, entry in suite.folder.state["processes"].items()}
        listening = [c for c in psutil.Process(pids["orders.http"]).net_connections("tcp") if c.status == "LISTEN"]
        upstream = f"127.0.0.1:{listening[0].laddr.port}"
        with _hop(upstream, free_port()) as hop, _nginx(upstream, free_port()) as nginx:
            ways = {"gateway": (running.base, pids["gateway.http"]), "bare hop": hop, **({"nginx": nginx} if nginx else {})}

            def spend(base: str, pid: int) -> float:
                api = Api(base, token=token, patience=5.0)
                api.get(f"/work-orders/{order}")
                before = meter.cpu(pid, True)
                made, _ = crowd([lambda: api.get(f"/work-orders/{order}")] * arguments.clients, arguments.seconds)
                return (meter.cpu(pid, True) - before) * 1000 / made

            found = dict(zip(ways, ratios.in_turn(
                arguments.rounds, *(lambda base=base, pid=pid: spend(base, pid) for base, pid in ways.values())
            ), strict=True))
    rows = [ratios.Ratio.of("beside a bare aiohttp hop", found["gateway"], found["bare hop"], REACH)]
    if "nginx" in found:
        rows.append(ratios.Ratio.of("beside nginx", found["gateway"], found["nginx"]))
    else:
        console.print("nginx is not installed here: left out")
    return 0 if ratios.show(console, "one read", "CPU ms in the gateway", "CPU ms in the floor", rows) else 1


@contextmanager
def _hop(upstream: str, port: int) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-P", "-m", "bench.hop", f"http://{upstream}", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    with ended(process):
        yield answering(port), process.pid


@contextmanager
def _nginx(upstream: str, port: int) -> Iterator[tuple[str, int] | None]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "nginx.conf"
        settings.write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
        process = subprocess.Popen([program, "-p", folder, "-c", str(settings)])
        with ended(process):
            yield answering(port), process.pid


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def answering(port: int) -> str:
    """Its base URL, once it answers."""
    base, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 20
    while True:
        try:
            Api(base, patience=0.0).call("GET", "/work-orders")
        except TRANSPORT_ERRORS:
            assert time.monotonic() < deadline, f"nothing answers at {base}"
            time.sleep(0.1)
        else:
            return base
