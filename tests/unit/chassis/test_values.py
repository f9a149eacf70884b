"""A set of values that stands in a contract line by line (``x-values``): its enum and its words follow from the lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis import contracts
from console.i18n import Words

SET = """
Size:
  type: string
  x-values:
    small: {zh: 小, en: Small, weight: 1}
    large: {zh: 大, en: Large, weight: 9}
Perhaps: {type: [string, "null"], x-values: {one: {zh: 一, en: One}}}
Thing: {type: object, properties: {size: {$ref: "#/Size", description: how large}}}
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "sizes.yaml"
    path.write_text(SET, encoding="utf-8")
    return path


def test_the_enum_follows_from_the_lines(document: Path) -> None:
    found = contracts._resolve(contracts.read(document), document)
    assert found["Size"]["enum"] == ["small", "large"]
    assert found["Perhaps"]["enum"] == ["one", None]
    assert found["Thing"]["properties"]["size"]["enum"] == ["small", "large"]
    assert "enum" not in found["Thing"]


def test_kinds_of_movements_are_such_a_set() -> None:
    kinds = contracts.values("inventory", "stock", "Kind")
    search = next(o for o in contracts.operations("inventory") if o.operation_id == "stock.search_movements")
    asked = next(p for p in search.spec["parameters"] if p["name"] == "kind")
    assert asked["schema"]["enum"] == list(kinds)
    for value, line in kinds.items():
        assert line["sign"] in (-1, 0, 1) and line["serial"]
        assert [Words(language).option("kind", value) for language in ("zh-CN", "en")] == [line["zh"], line["en"]]
