"""Every service of the suite, as architecture and contract tests go over all of them."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from chassis.db.tables import metadata_of
from chassis.messaging.registry import subscriptions, timers
from chassis.service import Service
from deploy.local.databases import NAMES

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("chassis", "services", "gateway", "console", "contracts", "deploy", "bench")


@cache
def services() -> tuple[Service, ...]:
    """Loaded whole: aggregates, events, consumers, timers."""
    packages = [name if name == "gateway" else f"services.{name}" for name in NAMES]
    found = tuple(importlib.import_module(f"{package}.app").SERVICE for package in packages)
    for service in found:
        for name in ("events", "errors", "http", "usecases"):
            service.modules(name)
        assert metadata_of(service).tables
        subscriptions(service), timers(service)
    return found


@cache
def sources(*tops: str) -> tuple[Path, ...]:
    """Python files of the product (or of these top folders), written by us."""
    return tuple(
        path for top in tops or PRODUCT for path in sorted((ROOT / top).rglob("*.py")) if "__pycache__" not in path.parts
    )


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
