"""Warehouse (仓库, I-08): a place of one site that holds parts of one quality, or what the site has sent and nobody has received."""

from __future__ import annotations

import uuid
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import key_of
from chassis.domain.aggregate import Aggregate
from chassis.domain.errors import BadTransition
from services.inventory.stock.site import SiteCopy


class Quality(StrEnum):
    """The quality of a part follows the store it lies in."""

    GOOD = "good"
    BAD = "bad"
    TO_CHECK = "to_check"


class Keeping(StrEnum):
    """What a warehouse is for. Several qualities may lie in a transit place (在途); nobody makes, renames or fills one by hand."""

    STORE = "store"
    TRANSIT = "transit"


class Warehouse(Base, Scoped, Aggregate):
    """``code`` orders the good warehouses of a site: parts are taken from the first one that has them."""

    __tablename__ = "warehouses"
    __table_args__ = (
        CheckConstraint("(kind = 'transit') = (quality IS NULL)", name="quality"),
        Index("uq_warehouses_transit", "site_id", unique=True, postgresql_where=text("kind = 'transit'")),
    )

    code: Mapped[str] = mapped_column(index=True)
    code_key: Mapped[str] = key_of("code")
    name: Mapped[str]
    site_id: Mapped[uuid.UUID] = mapped_column(index=True)
    kind: Mapped[Keeping]
    quality: Mapped[Quality | None]
    """Of what lies in it; None of a transit place."""

    @classmethod
    def create(cls, site: SiteCopy, code: str, name: str, quality: Quality | None) -> Warehouse:
        """A store of this quality, without one the site's transit place."""
        kind = Keeping.STORE if quality else Keeping.TRANSIT
        return cls(code=code, name=name, site_id=site.id, org_path=site.org_path, kind=kind, quality=quality)

    def rename(self, name: str) -> None:
        if self.kind is Keeping.TRANSIT:
            raise BadTransition(self.kind, [], "rename")
        self.name = name
