"""Settings of one process, read once from the environment (prefix ``AFTERSALES_``).

Any variable ``X`` may be given as ``X_FILE`` instead, the path of a file that holds the value (secrets).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

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
        return cls(
            service=values.get("SERVICE", ""),
            database_urls=_group(values, "DATABASE_URL_"),
            upstreams=_group(values, "URL_"),
            amqp_url=values.get("AMQP_URL", ""),
            amqp_prefix=values.get("AMQP_PREFIX", "aftersales"),
            jwks=values.get("JWKS", ""),
            revoked=values.get("REVOKED", "") or _beside(values.get("JWKS", "")),
            signing_key=values.get("SIGNING_KEY", ""),
            keyring=values.get("KEYRING", ""),
            gateway_url=values.get("GATEWAY_URL", ""),
            admin_password=values.get("ADMIN_PASSWORD", ""),
            health_host=values.get("HEALTH_HOST", "0.0.0.0"),
            health_port=_whole(values, "HEALTH_PORT", 0, least=0),
            log_level=values.get("LOG_LEVEL", "INFO").upper(),
            pool_size=_whole(values, "POOL_SIZE", 8),
            max_workers=_whole(values, "MAX_WORKERS", 64),
            retry_limit=_whole(values, "RETRY_LIMIT", 12),
        )

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


def _whole(values: Mapping[str, str], key: str, default: int, least: int = 1) -> int:
    try:
        number = int(values.get(key, default))
    except ValueError:
        number = least - 1
    if number < least:
        raise SettingsError(f"{PREFIX}{key} must be a whole number of at least {least}")
    return number
