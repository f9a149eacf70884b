"""Product (产品): what was sold, with its warranty term. Company-wide."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import key_of, searched
from chassis.domain.aggregate import Aggregate, new_id
from services.orders.kernel import apply
from services.orders.masters import events


class Product(Base, Aggregate):
    """``category`` groups products for lists and statistics; ``warranty_months`` 0 means sold without warranty."""

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
        product = cls(id=new_id(), **fields)
        product.record(events.ProductCreated(**product._facts()))
        return product

    def change(self, **fields: Any) -> None:
        if apply(self, fields):
            self.record(events.ProductChanged(**self._facts()))

    def _facts(self) -> dict[str, Any]:
        names = ("code", "name", "brand", "category", "warranty_months")
        return {name: getattr(self, name) for name in names}
