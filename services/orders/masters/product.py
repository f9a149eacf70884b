"""Product (产品): what was sold, with its warranty term. Company-wide."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import key_of, searched
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.events import Published
from services.orders.kernel import apply


class Product(Base, Aggregate):
    """``category`` groups products for lists and statistics; ``warranty_months`` 0 means sold without warranty."""

    published = Published("aftersales.orders.product.v1", "code", "name", "brand", "category", "warranty_months")
    __tablename__ = "products"

    code: Mapped[str] = mapped_column(index=True)
    code_key: Mapped[str] = key_of("code")
    name: Mapped[str]
    search_key: Mapped[str] = searched("code", "name")
    brand: Mapped[str] = mapped_column(index=True)
    category: Mapped[str] = mapped_column(index=True)
    warranty_months: Mapped[int]

    @classmethod
    def create(cls, **fields: Any) -> Product:
        return cls(id=new_id(), **fields)

    def change(self, **fields: Any) -> None:
        apply(self, fields)
