"""Encrypted columns (G-24): plain in the aggregate, sealed in the row, bound to table, column and primary key, so that a
value copied into another row does not open there. The unit of work seals and opens (``rows.py``)."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import LargeBinary
from sqlalchemy.types import TypeDecorator

from chassis import crypto


class Encrypted(TypeDecorator[Any]):
    """Text, or with ``json`` any JSON value. A query that selects the bare column gets it sealed: see ``opened``.
    ``lazy``: the aggregate, too, has it sealed, and opens it where it is used; a value that does not open then keeps nobody
    from reading its row."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, json: bool = False, lazy: bool = False) -> None:
        super().__init__()
        self.json, self.lazy = json, lazy

    def process_bind_param(self, value: Any, dialect: Any) -> bytes | None:
        if value is None or isinstance(value, bytes):
            return value
        raise TypeError("an encrypted column is written by the unit of work, which seals")

    def process_result_value(self, value: Any, dialect: Any) -> bytes | None:
        return None if value is None else bytes(value)

    def sealed(self, value: Any, context: str) -> bytes | None:
        if value is None:
            return None
        return crypto.seal(orjson.dumps(value) if self.json else value.encode(), context)

    def opened(self, sealed: bytes | None, context: str) -> Any:
        if sealed is None:
            return None
        plain = crypto.open(sealed, context)
        return orjson.loads(plain) if self.json else plain.decode()


def opened(attribute: Any, sealed: bytes | None, *key: object) -> Any:
    """What a bare column of the row with this primary key says: ``opened(CustomerCopy.name, row.customer_name, id)``."""
    column = attribute.property.columns[0]
    return column.type.opened(sealed, crypto.place(column.table.name, column.name, *key))
