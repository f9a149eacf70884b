"""Which units serve a customer (R-06), and what finds him: tables that only the database's own functions write (chassis/db/links.py)."""

import uuid

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.links import Link, Linked, Mark

LOOKED_UP = """EXISTS (SELECT FROM disclosures d WHERE d.customer_id = named AND d.kind = 'look_up' AND d.unit_path = scope
    AND d.created_at > now() - interval '1 day')"""
"""A unit takes in whom one of its people looked up within the last day."""
CUSTOMERS = Linked("customer", "customers", parameter="customers.scope", may_name=LOOKED_UP)


class CustomerLink(Base, Link):
    __tablename__ = "customer_links"
    __table_args__ = (Index(None, "unit_path", "created_at", "customer_id"),)

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)


class CustomerMark(Base, Mark):
    __tablename__ = "customer_marks"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
