"""Service site (网点, O-01): belongs to one org unit of kind site, whose path is the scope of all its documents."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import key_of, searched
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.events import Published
from services.orders.kernel import apply


class Site(Base, Scoped, Aggregate):
    """Active at once. ``time_zone`` is an IANA name; date rules use it (R-09)."""

    published = Published("aftersales.orders.site.v1", "code", "name", "org_path", "time_zone")
    __tablename__ = "sites"

    code: Mapped[str] = mapped_column(index=True)
    code_key: Mapped[str] = key_of("code")
    name: Mapped[str]
    search_key: Mapped[str] = searched("code", "name")
    org_unit_code: Mapped[str] = mapped_column(index=True)
    org_unit_key: Mapped[str] = key_of("org_unit_code", unique=False, index=True)
    time_zone: Mapped[str]

    @classmethod
    def create(cls, **fields: Any) -> Site:
        return cls(id=new_id(), **fields)

    def change(self, **fields: Any) -> None:
        apply(self, fields)

    def move(self, org_path: str) -> None:
        """Follow the unit to another place in the tree."""
        self.change(org_path=org_path)
