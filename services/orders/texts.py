"""Words for stored codes in the caller's language (catalogue in texts.yaml)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def catalogue() -> dict[str, dict[str, dict[str, str]]]:
    """Section, code, language."""
    loaded: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(
        Path(__file__).with_name("texts.yaml").read_text("utf-8")
    )
    return loaded


def codes_of(section: str) -> list[str]:
    """The codes that a section has words for."""
    return list(catalogue()[section])


def say(section: str, code: str, language: str, values: Mapping[str, Any]) -> str:
    """The text of a code with its parameters; an unknown code stands for itself, a missing parameter is empty."""
    templates = catalogue()[section].get(code)
    if templates is None:
        return code
    shown = defaultdict(str, {name: "" if value is None else value for name, value in values.items()})
    return templates["zh" if language.startswith("zh") else "en"].format_map(shown).strip()
