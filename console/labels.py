"""What a document is called: in links to it, in pickers, and where another document holds only its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from chassis.domain import folding
from console.contracts import Model, Resource
from console.fields import Field, Reference
from console.gateway import Problem
from console.session import Session, TimedCache

NAMES = ("name", "title")
NUMBERS = ("number", "code", "username", "serial_number", "key", "work_order_number")
SEARCH = ("q", "number", "code", "username", "name", "serial_number", "phone")

_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="labels")
_cache = TimedCache(seconds=60, size=5000)


def short(document: Mapping[str, Any], language: str = "") -> str:
    """The name people use: name (in the language where there are several), else number, else the end of the
    id."""
    names = (f"name_{language[:2]}", *NAMES, *NUMBERS)
    found = next((document[k] for k in names if document.get(k)), None)
    return str(found if found is not None else str(document.get("id", ""))[-8:])


def long(document: Mapping[str, Any], language: str = "") -> str:
    """Name with number and phone, to tell namesakes apart."""
    parts = [document.get(k) for k in (*NUMBERS, f"name_{language[:2]}", *NAMES, "phone") if document.get(k)]
    return " · ".join(dict.fromkeys(str(p) for p in parts)) or short(document)


def companion(name: str, names: Iterable[str]) -> str | None:
    """The member that says in words what a reference points at (``customer_name`` beside ``customer_id``)."""
    noun = name.removesuffix("_id").removesuffix("_code")
    known = set(names)
    return next(
        (f"{noun}_{word}" for word in ("number", "name", "code") if f"{noun}_{word}" in known - {name}), None
    )


def _is(document: Mapping[str, Any], typed: str) -> bool:
    """Whether a typed text is what a document is called, however both are written."""
    said = [long(document), *(str(document[k]) for k in (*NUMBERS, *NAMES, "phone") if document.get(k))]
    return folding.identifier(typed) in map(folding.identifier, said)


class Labels:
    """Looks documents up by id for one page; remembered per user for a minute."""

    def __init__(self, model: Model, session: Session) -> None:
        self.model, self.session = model, session
        self._who = session.user.get("username"), session.caller.language
        self._found: dict[tuple[str, str], dict[str, Any] | None] = {}

    def fetch(self, wanted: Iterable[tuple[Reference, Any]]) -> None:
        """Loads all documents of a page that are not known yet, a few at a time."""
        missing = []
        for key in {(r.resource, str(v)) for r, v in wanted if v and r.member == "id"} - self._found.keys():
            cached = _cache.get((self._who, key))
            if cached is None:
                missing.append(key)
            else:
                self._found[key] = cached
        missing = [key for key in missing if self.readable(key[0])]
        for key, document in zip(missing, _pool.map(self._load, missing), strict=True):
            self._found[key] = document
            if document is not None:
                _cache.put((self._who, key), document)

    def _load(self, key: tuple[str, str]) -> dict[str, Any] | None:
        name, value = key
        operation = self.model.resources[name].get
        assert operation
        try:
            found: dict[str, Any] = self.session.gateway.call(
                "GET", operation.url(quote(value, safe="")), self.session.caller
            )
        except Problem:
            return None
        return found

    def document(self, reference: Reference, value: Any) -> dict[str, Any] | None:
        """The document itself, if the user may see it. References by code are not looked up."""
        if reference.member != "id" or not value:
            return None
        self.fetch([(reference, value)])
        return self._found.get((reference.resource, str(value)))

    def readable(self, name: str) -> bool:
        """Whether the user may open documents of a resource."""
        resource = self.model.resources[name]
        return resource.get is not None and self.session.may(resource.get.permission)

    def reference(self, f: Field, document: Mapping[str, Any]) -> Reference:
        """What a member points at in this document."""
        assert f.reference
        for member, others in f.refers_by.items():
            if (name := others.get(str(document.get(member)))) in self.model.resources:
                return Reference(str(name))
        return f.reference

    def text(self, f: Field, document: Mapping[str, Any]) -> str:
        """What a reference is called: by the name standing beside it in the document, else looked up."""
        assert f.reference
        beside = companion(f.name, document)
        return (
            str(document[beside])
            if beside and document[beside]
            else self.label(self.reference(f, document), document.get(f.name))
        )

    def label(self, reference: Reference, value: Any) -> str:
        document = self.document(reference, value)
        if document:
            return short(document, self.session.caller.language)
        return str(value)[-8:] if reference.member == "id" else str(value)

    def of(self, name: str, value: Any) -> str:
        """What a document of a resource is called; its id's end where the user may not open it."""
        return self.label(Reference(name), value) if name in self.model.resources else str(value)[-8:]

    def of_rows(self, fields: Iterable[Field], rows: Iterable[Mapping[str, Any]]) -> None:
        """Loads what the reference cells of a table need."""
        references = [f for f in fields if f.reference and f.kind == "reference"]
        self.fetch((self.reference(f, row), row.get(f.name)) for row in rows for f in references if not companion(f.name, row))

    def search(self, reference: Reference, text: str, limit: int = 12) -> list[dict[str, Any]]:
        """Documents a typed text may mean, by the first condition that the list offers and that finds any."""
        resource = self.model.resources[reference.resource]
        if resource.list is None or not self.session.may(resource.list.permission):
            return []
        offered = {f.name for f in resource.list.query}
        queries = [{name: text} for name in SEARCH if name in offered] if text else [{}]
        for query in queries:
            try:
                found: list[dict[str, Any]] = self.session.call(
                    "GET", resource.list.path, query={**query, "limit": limit}
                )["items"]
            except Problem:
                continue
            if found:
                return found
        return self._scan(resource, text, limit) if text else []

    def _scan(self, resource: Resource, text: str, limit: int) -> list[dict[str, Any]]:
        """Lists too small to have a search of their own: the first 200 are looked through here."""
        assert resource.list
        try:
            items = self.session.call("GET", resource.list.path, query={"limit": 200})["items"]
        except Problem:
            return []
        needle = folding.words(text)
        return [item for item in items if needle in folding.words(long(item))][:limit]

    def resolve(self, reference: Reference, text: str) -> str | None:
        """The one document a typed text names, or None: an exact number, code, name, phone or label wins."""
        found = self.search(reference, text)
        exact = [document for document in found if _is(document, text)]
        hits = exact or found
        return str(hits[0].get(reference.member)) if len(hits) == 1 else None
