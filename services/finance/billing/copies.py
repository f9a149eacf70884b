"""Read copies billing needs of other services."""

from sqlalchemy.orm import Mapped

from chassis.db.base import Base, ReadCopy, Scoped


class SiteCopy(Base, Scoped, ReadCopy):
    """A service site (网点) of orders: its zone decides the day, and so the month of the number, of a document."""

    __tablename__ = "site_copies"

    code: Mapped[str]
    name: Mapped[str]
    time_zone: Mapped[str]
