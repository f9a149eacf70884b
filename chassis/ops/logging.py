"""Logs as JSON lines on stderr: time, level, logger, message, service, process, trace id, fields given as ``extra``.

What looks like personal data or a secret (phone, mail address, token, password in a URL) is masked in every text.
"""

from __future__ import annotations

import logging
import logging.config
import re
from datetime import UTC, datetime
from typing import Any

import orjson

from chassis.ops import trace

# Texts of strangers come by here, so each pattern takes each letter a fixed number of times: it begins where a run of its letters
# does, and gives nothing of a run back (++).
_PERSONAL = [
    (re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"), "***"),
    (re.compile(r"(?i)\bbearer\s+\S+"), "Bearer ***"),
    (re.compile(r"(?<![\w-])(?=[\w-]++\.[\w-]++\.)(?:[\w-]*?-)?eyJ[\w-]++\.[\w-]++\.[\w-]*+"), "***"),
    (re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++\.[\w.-]*\w"), "***"),
    (re.compile(r"\+\d[\d -]{6,16}\d\b"), "***"),
    (re.compile(r"(?<![\w.-])1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\w-])"), "***"),
]
_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def mask(text: str) -> str:
    """The text without what looks personal or secret."""
    for pattern, instead in _PERSONAL:
        text = pattern.sub(instead, text)
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object per record; the process is known by service and kind (http, worker, relay, …)."""

    def __init__(self, service: str = "", process: str = "") -> None:
        super().__init__()
        self.fixed = {"service": service, "process": process}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(record.getMessage()),
            **self.fixed,
            "trace_id": trace.trace_id(),
        }
        line |= {key: _masked(value) for key, value in vars(record).items() if key not in _OWN}
        if record.exc_info:
            line["exception"] = mask(self.formatException(record.exc_info))
        options = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
        return orjson.dumps(
            {k: v for k, v in line.items() if v not in (None, "")}, default=str, option=options
        ).decode()


def log_config(service: str, process: str, level: str = "INFO") -> dict[str, Any]:
    """A ``logging.config`` dictionary; also for uvicorn's ``log_config`` and gunicorn's ``logconfig_dict``.

    Servers' access logs are silenced: they would print query strings, which hold names and phone numbers.
    """
    through = {"handlers": [], "propagate": True, "level": level}
    silent = {"handlers": [], "propagate": False, "level": "CRITICAL"}
    quiet = {"level": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter, "service": service, "process": process}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}
        },
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            **dict.fromkeys(("uvicorn", "uvicorn.error", "gunicorn.error"), through),
            **dict.fromkeys(("uvicorn.access", "gunicorn.access"), silent),
            **dict.fromkeys(("pika", "kombu", "amqp", "nameko", "aiohttp.access", "httpx"), quiet),
        },
    }


def configure(service: str, process: str, level: str = "INFO") -> None:
    """Sets up logging of this process; call once, early."""
    logging.config.dictConfig(log_config(service, process, level))


def _masked(value: Any) -> Any:
    return mask(value) if isinstance(value, str) else value
