"""What lies where (I-20): one row per part and warehouse, or finer and coarser ones ``by`` bin, quality, serial or site.

Every list has the same columns; what a row is not about is null. What is said of a part is the same in all its rows, so a list of one part
that is to be in such an order has that of an index and reads a page of it, where that of all parts sorts whatever the scope has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    join,
    null,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import aliased

from chassis.db.paging import Listing, ListQuery
from chassis.db.statements import Fixed
from chassis.db.uow import UnitOfWork
from services.inventory.parts import Part
from services.inventory.stock import views
from services.inventory.stock.bin import Bin, BinStock
from services.inventory.stock.ledger import Stock
from services.inventory.stock.serial import LIES, Serial
from services.inventory.stock.warehouse import Keeping, Warehouse

AMOUNT = Numeric(14, 3)
COLUMNS: dict[str, Any] = {
    "part_id": Uuid(), "part_number": Text(), "part_name": Text(), "unit": Text(), "warehouse_id": Uuid(), "warehouse_code": Text(),
    "warehouse_kind": Text(), "quality": Text(), "site_id": Uuid(), "bin_id": Uuid(), "bin_code": Text(), "serial_id": Uuid(),
    "serial_number": Text(), "on_hand": AMOUNT, "reserved": AMOUNT, "available": AMOUNT, "in_transit": AMOUNT,
}  # fmt: skip
_PART = {"part_id": Part.id, "part_number": Part.number, "part_name": Part.name, "unit": Part.unit}
_WAREHOUSE = {
    "warehouse_id": Warehouse.id, "warehouse_code": Warehouse.code, "warehouse_kind": Warehouse.kind, "site_id": Warehouse.site_id
}  # fmt: skip


def _row(**given: Any) -> Select[Any]:
    """All columns, null where nothing is given."""
    return select(*(given.get(name, cast(null(), type_)).label(name) for name, type_ in COLUMNS.items()))


def _places(rows: Any, quality: Any) -> dict[str, Any]:
    """What a list of rows that lie in warehouses can be asked for."""
    ids = {"part_id": rows.part_id, "warehouse_id": rows.warehouse_id}
    return {**ids, "site_id": Warehouse.site_id, "quality": quality, "part_number": Part.number_key}


def _of_all(rows: Select[Any], key: Any, equal: dict[str, Any]) -> Listing:
    return Listing(rows, default_sort="part_number", key=key, equal=equal)


def _of_part(rows: Select[Any], key: Any, equal: dict[str, Any], order: Any = Stock.org_path) -> Listing:
    """What would be in the order of its part is in that of ``order``, by itself unit by unit: any scope is one piece of that index."""
    return Listing(rows, default_sort="part_number", key=key, equal=equal, sorts=dict.fromkeys(_PART, order))


_OTHER = aliased(Stock)
_SAME = and_(_OTHER.warehouse_id == Stock.warehouse_id, _OTHER.part_id == Stock.part_id)
_STORE = Warehouse.kind == Keeping.STORE
# A store has one row of a part. Of the qualities in a transit place the first stands for all: its row is their sum.
_FIRST = or_(_STORE, ~exists().where(_SAME, _OTHER.quality < Stock.quality))
_ON_HAND = case((_STORE, Stock.on_hand), else_=select(func.sum(_OTHER.on_hand)).where(_SAME).scalar_subquery())
_STOCK: dict[str, Any] = {**_PART, **_WAREHOUSE, "part_id": Stock.part_id, "warehouse_id": Stock.warehouse_id, "reserved": Stock.reserved}
_ROWS = (
    _row(**_STOCK, quality=Warehouse.quality, on_hand=_ON_HAND, available=_ON_HAND - Stock.reserved)
    .select_from(Stock).join(Part, Part.id == Stock.part_id).join(Warehouse, Warehouse.id == Stock.warehouse_id).where(_FIRST)
)  # fmt: skip
_QUALITIES = (
    _row(**_STOCK, quality=Stock.quality, on_hand=Stock.on_hand, available=Stock.on_hand - Stock.reserved)
    .select_from(Stock).join(Part, Part.id == Stock.part_id).join(Warehouse, Warehouse.id == Stock.warehouse_id)
)  # fmt: skip
_LOOSE = Stock.on_hand - func.coalesce(Stock.binned, 0)
_IN_BIN = select(BinStock.id, BinStock.part_id, BinStock.warehouse_id, BinStock.quality, BinStock.bin_id, BinStock.on_hand).where(BinStock.on_hand > 0)
_IN_NONE = (Stock.id, Stock.part_id, Stock.warehouse_id, Stock.quality, cast(null(), Uuid()).label("bin_id"), _LOOSE.label("on_hand"))
_LIES = union_all(_IN_BIN, select(*_IN_NONE).where(_LOOSE > 0)).subquery()
# Each shelf with its bins: rows of two tables have no order together that an index could have.
_ON_SHELF = union_all(
    _IN_BIN.where(BinStock.warehouse_id == Stock.warehouse_id, BinStock.part_id == Stock.part_id, BinStock.quality == Stock.quality).correlate(Stock),
    select(*_IN_NONE).where(_LOOSE > 0).correlate(Stock),
).lateral()


def _bins(lies: Any, source: Any) -> Select[Any]:
    return (
        _row(**_PART, **_WAREHOUSE, quality=lies.quality, bin_id=type_coerce(Bin.id, Uuid()), bin_code=type_coerce(Bin.code, Text()), on_hand=lies.on_hand)
        .select_from(source).join(Part, Part.id == lies.part_id).join(Warehouse, Warehouse.id == lies.warehouse_id).outerjoin(Bin, Bin.id == lies.bin_id)
    )  # fmt: skip


_PIECES = (
    _row(**_PART, **_WAREHOUSE, quality=Serial.quality, bin_id=Serial.bin_id, bin_code=type_coerce(Bin.code, Text()), serial_id=Serial.id,
         serial_number=Serial.number, on_hand=cast(1, AMOUNT))
    .select_from(Serial).join(Part, Part.id == Serial.part_id).join(Warehouse, Warehouse.id == Serial.place_id)
    .outerjoin(Bin, Bin.id == Serial.bin_id).where(LIES)
)  # fmt: skip
_OF_SERIALS = _places(Serial, Serial.quality) | {"warehouse_id": Serial.place_id}
_LISTINGS = {  # of all parts, or in another order; of one
    None: (_of_all(_ROWS, Stock.id, _places(Stock, Warehouse.quality)), _of_part(_ROWS, Stock.id, _places(Stock, Warehouse.quality))),
    "quality": (_of_all(_QUALITIES, Stock.id, _places(Stock, Stock.quality)), _of_part(_QUALITIES, Stock.id, _places(Stock, Stock.quality))),
    "bin": (
        _of_all(_bins(_LIES.c, _LIES), _LIES.c.id, _places(_LIES.c, _LIES.c.quality)),
        _of_part(_bins(_ON_SHELF.c, join(Stock, _ON_SHELF, true())), _ON_SHELF.c.id, _places(Stock, Stock.quality)),
    ),
    "serial": (_of_all(_PIECES, Serial.id, _OF_SERIALS), _of_part(_PIECES, Serial.number_key, _OF_SERIALS, Serial.number_key)),
}
_GOOD = and_(_STORE, Stock.quality == "good")
_SUMS = {
    "on_hand": func.coalesce(func.sum(Stock.on_hand).filter(_STORE), 0, type_=AMOUNT), "reserved": func.sum(Stock.reserved, type_=AMOUNT),
    "available": func.coalesce(func.sum(Stock.on_hand - Stock.reserved).filter(_GOOD), 0, type_=AMOUNT),
    "in_transit": func.coalesce(func.sum(Stock.on_hand).filter(~_STORE), 0, type_=AMOUNT),
}  # fmt: skip


def _by_site(filters: Mapping[str, Any], of_part: bool) -> Listing:
    """Sums of a part's stores at a site, good pieces nobody has reserved, and what the site has sent and nobody received."""
    asked = [column == filters[name] for name, column in _places(Stock, Stock.quality).items() if name in filters]
    rows = (
        _row(**_PART, site_id=Warehouse.site_id, **_SUMS)
        .select_from(Stock).join(Part, Part.id == Stock.part_id).join(Warehouse, Warehouse.id == Stock.warehouse_id)
        .where(*asked).group_by(Part.id, Warehouse.site_id)
    )  # fmt: skip
    of_sums = _SUMS.keys() & {name.rpartition("_")[0] for name in filters}
    if of_part and not of_sums:  # site by site, until the page is full
        sorts = dict.fromkeys(_PART, Stock.org_path)
        return Listing(rows.group_by(Stock.org_path), default_sort="part_number", key=Warehouse.site_id, sorts=sorts, written=False)
    summed = rows.add_columns((cast(Part.id, Text()) + cast(Warehouse.site_id, Text())).label("key")).subquery()
    named: dict[str, Any] = {name: type_coerce(summed.c[name], COLUMNS[name]) for name in (*_PART, "site_id", *_SUMS)}
    return Listing(_row(**named).select_from(summed), default_sort="part_number", key=summed.c.key, written=False)


_ID = Fixed(select(Part.id).where(Part.number_key == bindparam("number", type_=Part.number_key.type)))


def stock(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """A part that is asked for by its number is looked up first: PostgreSQL knows then in how many rows it lies."""
    filters, by = query.filters, query.filters.get("by")
    if "part_number" in filters and "part_id" not in filters:
        filters = {**filters, "part_id": uow.scalar(_ID, {"number": filters["part_number"]})}
        query = replace(query, filters=filters)
    of_part = "part_id" in filters and (query.sort or "part_number").removeprefix("-") in _PART
    listing = _by_site(filters, of_part) if by == "site" else _LISTINGS[by][of_part]
    return listing.page(uow, query, lambda row: views.stock(row, COLUMNS))
