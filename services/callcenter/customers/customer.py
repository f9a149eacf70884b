"""Customer (客户, C-01): whoever owns a device or calls. Seen by the units that serve him (R-06); orders keeps a copy."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from chassis import crypto
from chassis.db.base import Base
from chassis.db.sealed import Encrypted
from chassis.domain import folding
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.events import Published
from chassis.domain.masking import ERASED
from chassis.domain.principal import HEADQUARTERS
from services.callcenter.customers.errors import CustomerErased
from services.callcenter.customers.phones import line

END = 4
"""Digits at the end of a number that find it."""


class Customer(Base, Aggregate):
    """``phones`` are E.164, main number first; several customers may share a number (C-02 only warns). Name and numbers are
    sealed (G-24); they are found by their marks: one for every beginning of the name, one for every number and its end.
    ``home_path`` is the unit that took him in first, written by the database alone; null while no unit serves him."""

    published = Published("aftersales.callcenter.customer.v1", "name", "phones", "erased_at")
    __tablename__ = "customers"

    name: Mapped[str] = mapped_column(Encrypted())
    phones: Mapped[list[str]] = mapped_column(Encrypted(json=True))
    erased_at: Mapped[datetime | None]
    home_path: Mapped[str | None] = mapped_column(Text(collation="C"))

    __table_args__ = (Index(None, "created_at", "id"),)

    @classmethod
    def create(cls, name: str, phones: list[str], scope: str = HEADQUARTERS) -> "Customer":
        """By somebody of this scope, whose unit serves him from the beginning: so the database writes it, whatever is said here."""
        return cls(name=name, phones=phones, home_path=None if HEADQUARTERS.startswith(scope) else scope)

    def change(self, name: str | None = None, phones: list[str] | None = None) -> list[str]:
        """Which fields differ now. Raises CustomerErased: who asked to be forgotten is not written down again."""
        self.require_not_erased()
        given = {"name": name, "phones": phones}
        changed = [field for field, value in given.items() if value is not None and value != getattr(self, field)]
        for field in changed:
            setattr(self, field, given[field])
        return changed

    def note_change(self, fields: list[str], unit_path: str, by: str) -> None:
        """R-06. That another unit than his first one changed him is written down for that one, and told: which fields, never what they
        say."""
        if fields and self.home_path not in (None, unit_path):
            self.record("changed_elsewhere", home_path=self.home_path, unit_path=unit_path, fields=fields)
            self.journal(Journal("change_by_other_unit", by, data={"fields": fields, "unit": unit_path, "home": self.home_path}))

    def erase(self, at: datetime, by: str) -> None:
        """C-04. Only what says who it was goes; the id stays, so that documents still tell that they are about the same
        customer. Once, for ever."""
        if self.erased_at is None:
            self.name, self.phones, self.erased_at = ERASED, [], at
            self.journal(Journal("erase", by))
            self.record("erased")

    def require_not_erased(self) -> None:
        """Raises CustomerErased."""
        if self.erased_at is not None:
            raise CustomerErased(erased_at=self.erased_at)

    @property
    def marks(self) -> list[int]:
        """What he is found by."""
        return [] if self.erased_at else [*name_marks(self.name), *phone_marks(self.phones)]

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
    return line_marks(numbers) + end_marks(numbers)


def line_marks(numbers: list[str]) -> list[int]:
    """Marks of whole numbers."""
    return [crypto.mark(number, "customer.phone") for number in dict.fromkeys(map(line, numbers))]


def end_marks(numbers: list[str]) -> list[int]:
    """Marks of the digits that every reader is shown of a number."""
    return [crypto.mark(end, "customer.phone_end") for end in dict.fromkeys(line(number)[-END:] for number in numbers)]
