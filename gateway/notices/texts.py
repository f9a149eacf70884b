"""The words of notices in the reader's language (catalogue in texts.yaml)."""

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
    loaded: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text("utf-8"))
    return loaded


def say(kind: str, data: Mapping[str, Any], language: str) -> str:
    """A kind that is not known (any more) stands for itself. Of ``data`` codes are said in words too: ``why``, and the members of
    ``fields`` one after another."""
    tongue = "zh" if language.startswith("zh") else "en"
    templates = catalogue()["kinds"].get(kind)
    if templates is None:
        return kind
    shown = defaultdict(str, {name: _word(name, value, tongue) for name, value in data.items()})
    return templates[tongue].format_map(shown)


def _word(section: str, value: Any, tongue: str) -> str:
    if isinstance(value, list):
        return ("、" if tongue == "zh" else ", ").join(_word(section, one, tongue) for one in value)
    return catalogue().get(section, {}).get(str(value), {}).get(tongue, "" if value is None else str(value))
