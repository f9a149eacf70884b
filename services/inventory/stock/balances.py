"""What lies where (I-20): one row per part and warehouse, or finer and coarser ones ``by`` bin, quality, serial or site.

Every list has the same columns; what a row is not about is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    case,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import aliased

from chassis.db.paging import Listing, ListQuery
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


_OTHER = aliased(Stock)
_SAME = and_(_OTHER.warehouse_id == Stock.warehouse_id, _OTHER.part_id == Stock.part_id)
_STORE = Warehouse.kind == Keeping.STORE
# A store has one row of a part. Of the qualities in a transit place the first stands for all: its row is their sum.
_FIRST = or_(_STORE, ~exists().where(_SAME, _OTHER.quality < Stock.quality))
_ON_HAND = case((_STORE, Stock.on_hand), else_=select(func.sum(_OTHER.on_hand)).where(_SAME).scalar_subquery())
_STOCK = {**_PART, **_WAREHOUSE, "part_id": Stock.part_id, "warehouse_id": Stock.warehouse_id, "reserved": Stock.reserved}
_PLAIN = Listing(
    _row(**_STOCK, quality=Warehouse.quality, on_hand=_ON_HAND, available=_ON_HAND - Stock.reserved)
    .select_from(Stock).join(Part, Part.id == Stock.part_id).join(Warehouse, Warehouse.id == Stock.warehouse_id).where(_FIRST),
    default_sort="part_number", key=Stock.id, equal=_places(Stock, Warehouse.quality),
)  # fmt: skip
_BY_QUALITY = Listing(
    _row(**_STOCK, quality=Stock.quality, on_hand=Stock.on_hand, available=Stock.on_hand - Stock.reserved)
    .select_from(Stock).join(Part, Part.id == Stock.part_id).join(Warehouse, Warehouse.id == Stock.warehouse_id),
    default_sort="part_number", key=Stock.id, equal=_places(Stock, Stock.quality),
)  # fmt: skip
_LOOSE = Stock.on_hand - func.coalesce(Stock.binned, 0)
_LIES = union_all(
    select(BinStock.id, BinStock.part_id, BinStock.warehouse_id, BinStock.quality, BinStock.bin_id, BinStock.on_hand).where(BinStock.on_hand > 0),
    select(Stock.id, Stock.part_id, Stock.warehouse_id, Stock.quality, cast(null(), Uuid()), _LOOSE).where(_LOOSE > 0),
).subquery()
_BY_BIN = Listing(
    _row(**_PART, **_WAREHOUSE, quality=_LIES.c.quality, bin_id=type_coerce(Bin.id, Uuid()), bin_code=type_coerce(Bin.code, Text()),
         on_hand=_LIES.c.on_hand)
    .select_from(_LIES).join(Part, Part.id == _LIES.c.part_id).join(Warehouse, Warehouse.id == _LIES.c.warehouse_id)
    .outerjoin(Bin, Bin.id == _LIES.c.bin_id),
    default_sort="part_number", key=_LIES.c.id, equal=_places(_LIES.c, _LIES.c.quality),
)  # fmt: skip
_BY_SERIAL = Listing(
    _row(**_PART, **_WAREHOUSE, quality=Serial.quality, bin_id=Serial.bin_id, bin_code=type_coerce(Bin.code, Text()), serial_id=Serial.id,
         serial_number=Serial.number, on_hand=cast(1, AMOUNT))
    .select_from(Serial).join(Part, Part.id == Serial.part_id).join(Warehouse, Warehouse.id == Serial.place_id)
    .outerjoin(Bin, Bin.id == Serial.bin_id).where(LIES),
    default_sort="part_number", key=Serial.id, equal=_places(Serial, Serial.quality) | {"warehouse_id": Serial.place_id},
)  # fmt: skip


def _by_site(filters: Mapping[str, Any]) -> Listing:
    """Sums of a part's stores at a site, good pieces nobody has reserved, and what the site has sent and nobody received."""
    asked = [column == filters[name] for name, column in _places(Stock, Stock.quality).items() if name in filters]
    good = and_(_STORE, Stock.quality == "good")
    sums = {
        "on_hand": func.coalesce(func.sum(Stock.on_hand).filter(_STORE), 0), "reserved": func.sum(Stock.reserved),
        "available": func.coalesce(func.sum(Stock.on_hand - Stock.reserved).filter(good), 0),
        "in_transit": func.coalesce(func.sum(Stock.on_hand).filter(~_STORE), 0),
    }  # fmt: skip
    key = (cast(Part.id, Text()) + cast(Warehouse.site_id, Text())).label("key")
    grouped = (
        select(*(column.label(name) for name, column in (_PART | {"site_id": Warehouse.site_id} | sums).items()), key)
        .select_from(Stock).join(Part, Part.id == Stock.part_id).join(Warehouse, Warehouse.id == Stock.warehouse_id)
        .where(*asked).group_by(Part.id, Warehouse.site_id).subquery()
    )  # fmt: skip
    named: dict[str, Any] = {name: type_coerce(grouped.c[name], COLUMNS[name]) for name in (*_PART, "site_id", *sums)}
    return Listing(_row(**named).select_from(grouped), default_sort="part_number", key=grouped.c.key, written=False)


_LISTINGS = {None: _PLAIN, "quality": _BY_QUALITY, "bin": _BY_BIN, "serial": _BY_SERIAL}


def stock(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    by = query.filters.get("by")
    listing = _by_site(query.filters) if by == "site" else _LISTINGS[by]
    return listing.page(uow, query, lambda row: views.stock(row, COLUMNS))
