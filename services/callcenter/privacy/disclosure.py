"""Disclosure (披露记录, C-04): a customer's data left this system, by an export or to somebody else, or his masked number was shown
whole to somebody who works on his order, or somebody looked his number up whose unit does not serve him. The table only grows, also past the customer's erasure: whom the data went to is asked most often then."""

import uuid
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from chassis.db.base import Base
from chassis.domain.aggregate import Aggregate
from services.callcenter.privacy.errors import ConsentMissing


class Kind(StrEnum):
    EXPORT = "export"
    SHARING = "sharing"
    REVEAL = "reveal"
    LOOK_UP = "look_up"


class Basis(StrEnum):
    """Why it was allowed: the customer agreed, his contract needs it, or the law demands it."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LAW = "law"


class Disclosure(Base, Aggregate):
    """``recipient`` is null when the customer was given his own data; ``data`` names the kinds of data, never values. Of a look-up (R-06),
    which the database itself writes down (revision 0012), ``unit_path`` is the unit of who looked."""

    __tablename__ = "disclosures"
    __table_args__ = (Index(None, "created_at", "id"), *(Index(None, name, "created_at", "id") for name in ("customer_id", "kind")))

    customer_id: Mapped[uuid.UUID]
    kind: Mapped[Kind]
    recipient: Mapped[str | None]
    purpose: Mapped[str]
    data: Mapped[list[str]]
    basis: Mapped[Basis | None]
    unit_path: Mapped[str | None]

    @classmethod
    def share(cls, basis: Basis, agreed: bool, **fields: Any) -> Self:
        """To a third party. Raises ConsentMissing when it rests on a consent (``agreed``) that nobody gave or that was withdrawn."""
        if basis is Basis.CONSENT and not agreed:
            raise ConsentMissing()
        return cls(kind=Kind.SHARING, basis=basis, **fields)

    @classmethod
    def export(cls, customer_id: uuid.UUID, purpose: str, recipient: str | None, data: list[str]) -> Self:
        """The file about one person was made."""
        return cls(kind=Kind.EXPORT, customer_id=customer_id, recipient=recipient, purpose=purpose, data=data, basis=None)

    @classmethod
    def reveal(cls, customer_id: uuid.UUID, username: str, order_number: str) -> Self:
        """``username`` was shown the numbers, to call the customer of this order."""
        facts = {"recipient": username, "purpose": order_number, "data": ["contact"], "basis": Basis.CONTRACT}
        return cls(kind=Kind.REVEAL, customer_id=customer_id, **facts)
