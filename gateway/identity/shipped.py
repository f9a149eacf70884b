"""The roles that ship, as roles.yaml names them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Shipped:
    """A role as the release brings it."""

    code: str
    name_zh: str
    name_en: str
    permissions: tuple[str, ...]


@cache
def shipped() -> tuple[Shipped, ...]:
    """The roles of roles.yaml, ``includes`` resolved."""
    roles: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "roles.yaml").read_text(encoding="utf-8"))["roles"]

    def rights(code: str) -> set[str]:
        own = roles[code]
        found = {*own.get("base", ()), *own["grants"]}
        return found.union(*(rights(other) for other in own.get("includes", ())))

    return tuple(
        Shipped(code, role["name"]["zh"], role["name"]["en"], tuple(sorted(rights(code)))) for code, role in roles.items()
    )
