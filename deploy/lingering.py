"""Gunicorn's worker in the image: uvicorn's, with a server that ends without leaving a caller in the rain (serving.py)."""

from __future__ import annotations

import os
import sys

from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from deploy import process, serving

LINGER = 1.0
"""Seconds: callers on other machines hear of the end later than those on this one."""


class Worker(UvicornWorker):
    CONFIG_KWARGS = {
        "loop": "uvloop", "http": serving.protocol(os.environ.get("AFTERSALES_PROCESS", "")), "access_log": False, "server_header": False, "proxy_headers": False,
        "timeout_graceful_shutdown": process.GRACE,
    }  # fmt: skip

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = serving.of(self.config)
        server.linger = LINGER
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
