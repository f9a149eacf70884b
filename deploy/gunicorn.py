"""Settings of gunicorn inside the image: JSON logs without access lines, temporary files in memory."""

import os
from typing import Any

from chassis.ops.logging import log_config
from chassis.ops.settings import settings

logconfig_dict = log_config(os.environ.get("AFTERSALES_PROCESS", ""), "http", settings().log_level)
worker_tmp_dir = "/dev/shm"


def child_exit(_server: Any, worker: Any) -> None:
    """Gauges of a worker that ended are no longer counted."""
    from chassis.ops import metrics

    metrics.gone(worker.pid)


def worker_exit(_server: Any, _worker: Any) -> None:
    """What it has traced last is sent before it ends."""
    from chassis.ops import trace

    trace.flush()
