"""Customer (客户, C-01): whoever owns a device or calls. Company-wide; orders keeps a copy."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chassis import crypto
from chassis.db.base import Base
from chassis.db.sealed import Encrypted
from chassis.domain import folding
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.events import Published
from chassis.domain.masking import ERASED
from services.callcenter.customers.errors import CustomerErased
from services.callcenter.customers.phones import line

END = 4
"""Digits at the end of a number that find it."""


class Customer(Base, Aggregate):
    """``phones`` are E.164, main number first; several customers may share a number (C-02 only warns). Name and numbers are
    sealed (G-24); they are found by their marks: one for every beginning of the name, one for every number."""

    published = Published("aftersales.callcenter.customer.v1", "name", "phones", "erased_at")
    __tablename__ = "customers"

    name: Mapped[str] = mapped_column(Encrypted())
    phones: Mapped[list[str]] = mapped_column(Encrypted(json=True))
    name_marks: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    phone_marks: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    erased_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "created_at", "id"),
        Index(None, "name_marks", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index(None, "phone_marks", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    )

    @classmethod
    def create(cls, name: str, phones: list[str]) -> "Customer":
        return cls(name=name, phones=phones, name_marks=name_marks(name), phone_marks=phone_marks(phones))

    def change(self, name: str | None = None, phones: list[str] | None = None) -> None:
        """Raises CustomerErased: who asked to be forgotten is not written down again."""
        self.require_not_erased()
        if name is not None:
            self.name, self.name_marks = name, name_marks(name)
        if phones is not None:
            self.phones, self.phone_marks = phones, phone_marks(phones)

    def erase(self, at: datetime, by: str) -> None:
        """C-04. Only what says who it was goes; the id stays, so that documents still tell that they are about the same
        customer. Once, for ever."""
        if self.erased_at is None:
            self.name, self.phones, self.name_marks, self.phone_marks, self.erased_at = ERASED, [], [], [], at
            self.journal(Journal("erase", by))
            self.record("erased")

    def require_not_erased(self) -> None:
        """Raises CustomerErased."""
        if self.erased_at is not None:
            raise CustomerErased(erased_at=self.erased_at)

    @property
    def phone(self) -> str | None:
        return self.phones[0] if self.phones else None


def name_key(name: str) -> str:
    """The name as it is searched: case, width, accents, blanks and dashes make no difference."""
    return folding.words(name)


def name_marks(name: str) -> list[int]:
    """Marks of every beginning of the name."""
    key = name_key(name)
    return [name_mark(key[:length]) for length in range(1, len(key) + 1)]


def name_mark(key: str) -> int:
    return crypto.mark(key, "customer.name")


def phone_marks(numbers: list[str]) -> list[int]:
    """Marks of E.164 numbers, with and without an extension the same line, and of their ends."""
    lines = list(dict.fromkeys(map(line, numbers)))
    return [crypto.mark(number, "customer.phone") for number in lines] + end_marks(lines)


def end_marks(numbers: list[str]) -> list[int]:
    """Marks of the digits that every reader is shown of a number."""
    return [crypto.mark(end, "customer.phone_end") for end in dict.fromkeys(line(number)[-END:] for number in numbers)]
