"""Between mapped classes and rows: loading an instance from a row, which attributes changed, values as psycopg2 takes them.
SQLAlchemy's instrumentation tracks changes; its Session is not used (decision note 0001)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from psycopg2.extras import Json
from sqlalchemy import Column, ColumnElement, Select, Table, any_, bindparam, inspect, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm.attributes import instance_state, manager_of_class

from chassis import crypto
from chassis.db.folded import folded
from chassis.db.sealed import Encrypted
from chassis.db.statements import Cache, Fixed, several


class Mapping:
    """What the unit of work needs to know of one mapped class."""

    def __init__(self, cls: type) -> None:
        mapper: Any = inspect(cls)
        self.cls = cls
        self.table: Table = mapper.local_table
        self.columns: dict[str, Column[Any]] = {p.key: p.columns[0] for p in mapper.column_attrs}
        self.keys = tuple(self.columns)
        self.selectable = tuple(self.columns[key] for key in self.keys)
        self.primary = tuple(mapper.get_property_by_column(c).key for c in self.table.primary_key.columns)
        self.encrypted: dict[str, Encrypted] = {
            key: column.type
            for key, column in self.columns.items()
            if isinstance(column.type, Encrypted) and not column.type.lazy
        }
        self.folded = folded(self.columns)
        self.document = _document(self.table)
        self.guarded = frozenset(key for key, column in self.columns.items() if column.info.get("guarded"))
        self.binders = {key: _binder(column) for key, column in self.columns.items()}
        self.defaults = {
            key: _default(column) for key, column in self.columns.items() if column.default is not None
        }
        self.quoted = {key: f'"{column.name}"' for key, column in self.columns.items()}
        self.name = f'"{self.table.name}"'
        self.all: Select[Any] = select(*self.selectable)
        self._having: dict[Any, Fixed] = {}
        self._copied: dict[tuple[str, ...], str] = {}
        self._new: Callable[[], Any] = manager_of_class(cls).new_instance

    def having(self, members: tuple[tuple[str, bool], ...], order: tuple[str, ...], lock: bool, limit: int | None) -> Fixed:
        """Rows whose members have the values of parameters of their names, or one of a list of them where ``members`` says so."""
        shape = (members, order, lock, limit)
        found = self._having.get(shape)
        if found is None:
            where = [self._compared(name, many) for name, many in members]
            statement = self.query(where, [self.columns[name] for name in order], lock, limit)
            found = self._having[shape] = Fixed(statement, Cache.PLANNED if self._by_key({name for name, many in members if not many}) else Cache.PARSED)
        return found

    def _by_key(self, members: set[str]) -> bool:
        """Whether they find rows by the primary key, or those of a document that they follow by its id: its path is no way to them."""
        return members >= set(self.primary) or bool(self.document and self.document in members)

    def _compared(self, name: str, many: bool) -> ColumnElement[bool]:
        column = self.columns[name]
        if many:
            return column == any_(several(name, column.type))
        return column == bindparam(name, type_=column.type)

    def query(self, where: Sequence[ColumnElement[bool]], order_by: Sequence[Any], lock: bool, limit: int | None) -> Select[Any]:
        """Rows that fulfil all of it."""
        statement = self.all.where(*where).order_by(*order_by).limit(limit)
        return statement.with_for_update() if lock else statement

    def equal(self, name: str, value: Any) -> ColumnElement[bool]:
        """Whether a member has this value, or one of a list."""
        return self.columns[name].in_(value) if isinstance(value, list) else self.columns[name] == value

    def copied(self, keys: tuple[str, ...]) -> str:
        """Inserts a read copy of these keys, or puts them in the place of an older one."""
        found = self._copied.get(keys)
        if found is None:
            names = [self.quoted[key] for key in keys]
            changed = ", ".join(f"{name} = excluded.{name}" for name in names if name != '"id"')
            found = self._copied[keys] = (
                f"INSERT INTO {self.name} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
                f" ON CONFLICT (id) DO UPDATE SET {changed} WHERE {self.name}.sequence < excluded.sequence"
            )
        return found

    def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """With the keys that are made of these values."""
        return {**values, **{key: made.of(values) for key, made in self.folded.items()}} if self.folded else values

    def load(self, row: Sequence[Any]) -> Any:
        instance = self._new()
        values = instance.__dict__
        values.update(zip(self.keys, row, strict=True))
        for key, type_ in self.encrypted.items():
            values[key] = type_.opened(values[key], self._place(key, values))
        return instance

    def sealed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values by key as they may be stored; the primary key is among them."""
        if not self.encrypted:
            return values
        return {
            key: self.encrypted[key].sealed(value, self._place(key, values)) if key in self.encrypted else value
            for key, value in values.items()
        }

    def _place(self, key: str, values: dict[str, Any]) -> str:
        return crypto.place(self.table.name, self.columns[key].name, *(values[name] for name in self.primary))

    def fill_defaults(self, instance: Any) -> None:
        present = instance.__dict__
        for key, default in self.defaults.items():
            if key not in present:
                setattr(instance, key, default())

    def changed(self, instance: Any) -> list[str]:
        """Keys of attributes whose value differs from what was loaded, and which the application may write."""
        return [key for key in self._differing(instance) if key not in self.guarded]

    def custody_changed(self, instance: Any) -> bool:
        """Whether the thing goes to another site (``Held``)."""
        return bool(self.guarded) and any(key in self.guarded and key != "org_path" for key in self._differing(instance))

    def _differing(self, instance: Any) -> list[str]:
        before = instance_state(instance).committed_state
        now = instance.__dict__
        return [key for key, old in before.items() if key in self.columns and now.get(key) != old]

    def forget_changes(self, instance: Any) -> None:
        instance_state(instance).committed_state.clear()

    def bound(self, instance: Any, key: str) -> Any:
        value = instance.__dict__.get(key)
        if key in self.encrypted:
            return self.encrypted[key].sealed(value, self._place(key, instance.__dict__))
        return self.sent(key, value)

    def sent(self, key: str, value: Any) -> Any:
        """A value as psycopg2 takes it."""
        return None if value is None else self.binders[key](value)


def dumps(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


def as_json(value: Any) -> Json:
    return Json(value, dumps=dumps)


def _enum(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _binder(column: Column[Any]) -> Callable[[Any], Any]:
    return as_json if isinstance(column.type, JSONB) else _enum


def _document(table: Table) -> str | None:
    """The column with the id of the document that the rows of a table follow (``base.whose``)."""
    bound = (key for key in table.foreign_key_constraints if key.name == f"fk_{table.name}_whose")
    return next((key.column_keys[0] for key in bound), None)


def _default(column: Column[Any]) -> Callable[[], Any]:
    default: Any = column.default
    if default.is_callable:
        return lambda: default.arg(None)
    return lambda: default.arg


_mappings: dict[type, Mapping] = {}


def mapping(cls: type) -> Mapping:
    """The mapping of a class, made at first use."""
    found = _mappings.get(cls)
    if found is None:
        found = _mappings[cls] = Mapping(cls)
    return found
