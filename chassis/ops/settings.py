"""Settings of one process, read once from the environment (prefix ``AFTERSALES_``).

Any variable ``X`` may be given as ``X_FILE`` instead, the path of a file that holds the value (secrets).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

PREFIX = "AFTERSALES_"


class SettingsError(Exception):
    """A setting is missing or unusable; the message names the variable, never its value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Database and upstream URLs are keyed by service name in lower case."""

    service: str = ""
    database_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    upstreams: Mapping[str, str] = field(default_factory=dict)
    amqp_url: str = field(default="", repr=False)
    amqp_prefix: str = "aftersales"
    jwks: str = ""
    revoked: str = ""
    signing_key: str = ""
    keyring: str = ""
    gateway_url: str = ""
    admin_password: str = field(default="", repr=False)
    health_host: str = "0.0.0.0"
    health_port: int = 0
    log_level: str = "INFO"
    pool_size: int = 8
    max_workers: int = 64
    retry_limit: int = 12

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        values = _resolve(environment)
        given: dict[str, Any] = {}
        for one in fields(cls):
            if (key := one.name.upper()) in values:
                given[one.name] = _whole(key, values[key]) if one.type == "int" else values[key]
        given |= {"database_urls": _group(values, "DATABASE_URL_"), "upstreams": _group(values, "URL_")}
        given.setdefault("revoked", _beside(given.get("jwks", "")))
        given["log_level"] = given.get("log_level", "INFO").upper()
        return cls(**given)

    def database_url(self, service: str) -> str:
        """libpq URL of the service's application role."""
        return self._required(self.database_urls, "DATABASE_URL_", service)

    def upstream(self, service: str) -> str:
        """Base URL under which the gateway reaches a service or the console."""
        return self._required(self.upstreams, "URL_", service)

    @staticmethod
    def _required(group: Mapping[str, str], prefix: str, service: str) -> str:
        try:
            return group[service]
        except KeyError:
            raise SettingsError(f"{PREFIX}{prefix}{service.upper()} is not set") from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Settings of this process. A process forked from a preloading parent calls ``settings.cache_clear()`` first."""
    return Settings.read(os.environ)


def _resolve(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables without prefix; ``X_FILE`` replaced by ``X`` with the file's content. Empty counts as not set."""
    given = {
        key.removeprefix(PREFIX): value
        for key, value in environment.items()
        if key.startswith(PREFIX) and value
    }
    values: dict[str, str] = {}
    for key, value in given.items():
        name = key.removesuffix("_FILE")
        if name == key:
            values.setdefault(key, value)
            continue
        if name in given:
            raise SettingsError(f"{PREFIX}{name} and {PREFIX}{key} are both set")
        try:
            values[name] = Path(value).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{PREFIX}{key}: {error.strerror}") from None
    return values


def _beside(jwks: str) -> str:
    """Who publishes keys publishes beside them which tokens became void; keys in a file say nothing of it."""
    return f"{jwks.rpartition('/')[0]}/revoked-tokens" if "://" in jwks else ""


def _group(values: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        key.removeprefix(prefix).lower(): value for key, value in values.items() if key.startswith(prefix)
    }


def _whole(key: str, value: str) -> int:
    least = 0 if key == "HEALTH_PORT" else 1
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise SettingsError(f"{PREFIX}{key} must be a whole number of at least {least}")
    return number
