"""Columns that a row is compared and found by: keys of what was typed (chassis/domain/folding.py), beside the column that shows it.

They follow their sources by themselves, in aggregates and in read copies. A value compared with a key is folded on its way, so what
was typed is passed as it is; a key that another row has already is ``Duplicate`` of the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, and_, event, func, inspect, or_
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator

from chassis.domain import folding

Fold = Callable[[str], str]
_INFO = "folded"
SEPARATOR = "\n"
"""Between the texts that are searched together: no query reaches over it."""


class Key(TypeDecorator[str]):
    """Text that is folded wherever it is sent to the database."""

    impl = Text
    cache_ok = True

    def __init__(self, fold: Fold) -> None:
        super().__init__(collation="C")
        self.fold = fold

    @property
    def python_type(self) -> type[str]:
        return str

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else self.fold(value)


@dataclass(frozen=True, slots=True)
class Folded:
    """How a column is made of others of its row; ``tidies``: the source itself loses outer and repeated blanks."""

    fold: Fold
    sources: tuple[str, ...]
    tidies: bool = False

    def of(self, values: Mapping[str, Any]) -> str | None:
        """None when no source has a text."""
        texts = [values[name] for name in self.sources if values.get(name) is not None]
        return SEPARATOR.join(map(self.fold, texts)) if texts else None


def key_of(source: str, fold: Fold = folding.code, **options: Any) -> Any:
    """The key of a code, or with another ``fold`` of a serial number; ``options`` are those of mapped_column. Unique, unless these
    say otherwise::

        number_key: Mapped[str] = key_of("number")    # Part.number_key == typed
    """
    given = {"unique": True, **options}
    return mapped_column(Key(fold), info={_INFO: Folded(fold, (source,), tidies=True)}, **given)


def searched(*sources: str, fold: Fold = folding.words, **options: Any) -> Any:
    """What a list's ``q`` looks through; ``options`` are those of mapped_column::

        search_key: Mapped[str] = searched("number", "name")    # contains(Part.search_key, query.q): a scan
        name_words: Mapped[str] = searched("name", index=True)  # begin(query.q, Part.name_words): for long lists
    """
    return mapped_column(Text(collation="C"), info={_INFO: Folded(fold, sources)}, **options)


def begins_with(column: Any, prefix: str) -> ColumnElement[bool]:
    """Prefix match of a C-collated column by two comparisons: unlike LIKE they are leakproof, so PostgreSQL uses the
    index also below row-level security."""
    return and_(column >= prefix, column < prefix + "\U0010ffff")


def begin(q: str | None, *columns: Any) -> list[ColumnElement[bool]]:
    """The condition that one of these searched columns begins so, which indexes serve; none as ``contains``."""
    wanted = folding.words(q or "")
    return [or_(*(begins_with(column, wanted) for column in columns))] if wanted else []


def contains(column: Any, q: str | None) -> list[ColumnElement[bool]]:
    """The condition that a searched column has what was typed anywhere; none when nothing was, or nothing but blanks and dashes."""
    wanted = folding.words(q or "")
    return [func.strpos(column, wanted) > 0] if wanted else []


def folded(columns: Mapping[str, Column[Any]]) -> dict[str, Folded]:
    """Of mapped columns by member those that are made of others."""
    return {name: column.info[_INFO] for name, column in columns.items() if _INFO in column.info}


def follow(cls: type) -> None:
    """From now on the keys of this mapped class follow their sources."""
    mapper: Any = inspect(cls, raiseerr=False)
    if mapper is None:
        return
    made = folded({attribute.key: attribute.columns[0] for attribute in mapper.column_attrs})
    for source in {source for one in made.values() for source in one.sources}:
        mine = {name: one for name, one in made.items() if source in one.sources}
        event.listen(getattr(cls, source), "set", _setter(source, mine), retval=True)


def _setter(source: str, made: Mapping[str, Folded]) -> Callable[..., Any]:
    tidies = any(one.tidies for one in made.values())

    def set_(instance: Any, value: Any, before: Any, initiator: Any) -> Any:
        if isinstance(value, str) and tidies:
            value = folding.tidy(value)
        if value != before:
            now = {**instance.__dict__, source: value}
            for name, one in made.items():
                setattr(instance, name, one.of(now))
        return value

    return set_
