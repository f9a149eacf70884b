"""Warehouse (仓库, I-08): a place of one site that holds good or bad parts."""

from __future__ import annotations

import uuid
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import key_of
from chassis.domain.aggregate import Aggregate
from services.inventory.stock.site import SiteCopy


class Quality(StrEnum):
    """The quality of a part follows the warehouse it lies in."""

    GOOD = "good"
    BAD = "bad"


class Warehouse(Base, Scoped, Aggregate):
    """``code`` orders the good warehouses of a site: parts are taken from the first one that has them."""

    __tablename__ = "warehouses"

    code: Mapped[str] = mapped_column(index=True)
    code_key: Mapped[str] = key_of("code")
    name: Mapped[str]
    site_id: Mapped[uuid.UUID] = mapped_column(index=True)
    quality: Mapped[Quality]

    @classmethod
    def create(cls, site: SiteCopy, code: str, name: str, quality: Quality) -> Warehouse:
        return cls(code=code, name=name, site_id=site.id, org_path=site.org_path, quality=quality)

    def rename(self, name: str) -> None:
        self.name = name
