"""Erased customers (已抹除的客户, C-04) as orders tells of them: none of them is anybody's party any more."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base


class ErasedCustomer(Base):
    """Ids only; the table only grows."""

    __tablename__ = "erased_customers"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    erased_at: Mapped[datetime]
