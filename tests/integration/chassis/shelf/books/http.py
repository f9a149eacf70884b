from decimal import Decimal

from sqlalchemy import select

from chassis.db.paging import Listing
from chassis.domain.errors import UnknownReference
from chassis.http.confirming import Unconfirmed, confirmed_by
from chassis.http.views import stamps
from tests.integration.chassis.shelf.books.book import MACHINE, Book, Reader


def view(book, principal):
    shown = {"id": book.id, "number": book.number, "code": book.code, "title": book.title, "price": book.price}
    return {**shown, "state": book.state, "allowed_actions": MACHINE.allowed(book, principal), **stamps(book)}


def create(uow, body):
    book = Book(code=body["code"], title=body["title"], org_path=body["org_path"], price=Decimal(body.get("price", "0")))
    book.number = uow.number("book", uow.now.date())
    uow.add(book)
    return view(book, uow.principal)


def get(uow, book_id):
    return view(uow.read(Book, book_id), uow.principal)


def lend(uow, book_id, body):
    book = uow.get(Book, book_id)
    if "reader" in body:
        uow.reference(Reader, body["reader"], "reader")
    book.lend(uow.actor)
    return view(book, uow.principal)


def bound(uow, id, caller):
    """The binder's word stands in the title."""
    book = uow.read(Book, id)
    if book.title == "torn":
        raise UnknownReference("cover")
    return view(book, uow.principal) if book.title == "bound" else None


@confirmed_by(bound)
def bind(uow, book_id):
    book = uow.get(Book, book_id)
    book.price += 1
    return Unconfirmed(view(book, uow.principal))


def given_up(uow, id, caller):
    book = uow.get(Book, id)
    book.title = "given up" if book.title == "A" else book.title
    return UnknownReference("reader") if book.title == "given up" else view(book, uow.principal)


@confirmed_by(bound, lapse=given_up)
def borrow(uow, book_id):
    return bind(uow, book_id)


BOOKS = Listing(
    select(Book), sorts={"code": Book.code, "created_at": Book.created_at}, default_sort="-created_at", key=Book.id,
    equal={"code": Book.code},
)  # fmt: skip


def search(uow, query):
    return BOOKS.page(uow, query, lambda book: view(book, uow.principal))


def address(caller):
    return {"address": caller.address, "language": caller.language}
