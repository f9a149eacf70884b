"""What the console knows of the API, derived from the contracts: resources, columns, filters, forms, actions.

A resource is a collection path with a GET (``/work-orders``); its item path
(``/work-orders/{work_order_id}``) gives
detail page and edit form, ``POST`` on the collection the create form, ``POST /work-orders/{id}/<verb>`` the
actions.
Nothing here knows a business noun: names are taken from paths and schemas.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chassis import contracts
from chassis.domain.moments import When
from chassis.http import outside, restricted
from console.fields import Field, Reference, kind_of, merged

Declared = tuple[str, str, dict[str, Any]]
API = "/api/v1"
PAGING = {"limit", "cursor", "sort", "total", "format"}
MANAGED = {
    "id",
    "version",
    "created_by",
    "created_at",
    "updated_by",
    "updated_at",
    "allowed_actions",
    "org_path",
}


@dataclass(frozen=True)
class Operation:
    """One call of the API. ``path`` is relative to the API base; ``body`` are the members of its request."""

    method: str
    path: str
    permission: str | None
    summary: str = ""
    body: tuple[Field, ...] = ()
    answer: tuple[Field, ...] = ()
    query: tuple[Field, ...] = ()
    listed: bool = False
    sorts: tuple[str, ...] = ()
    download: bool = False
    """Its answer is a file."""

    def url(self, item: str) -> str:
        """The path with its only path parameter filled in (already quoted for an address)."""
        return re.sub(r"\{[^}]+\}", lambda _: item, self.path, count=1)


@dataclass
class Files:
    """What may be done with the files of a document, ``/things/{thing_id}/attachments``."""

    list: Operation | None = None
    add: Operation | None = None
    get: Operation | None = None
    remove: Operation | None = None
    restore: Operation | None = None


@dataclass
class Resource:
    """Everything the console may do with one kind of document."""

    name: str
    key: str = "id"
    noun: str = ""
    list: Operation | None = None
    create: Operation | None = None
    get: Operation | None = None
    update: Operation | None = None
    actions: dict[str, Operation] = field(default_factory=dict)
    parts: dict[str, Operation] = field(default_factory=dict)
    files: Files | None = None

    @property
    def columns(self) -> tuple[Field, ...]:
        """Members of a list item that fit a cell."""
        return tuple(f for f in (self.list.answer if self.list else ()) if f.scalar and f.name not in MANAGED)

    @property
    def filters(self) -> tuple[Field, ...]:
        return tuple(f for f in (self.list.query if self.list else ()) if f.name not in PAGING | {"q"})

    @property
    def searchable(self) -> bool:
        return any(f.name == "q" for f in (self.list.query if self.list else ()))

    @property
    def members(self) -> tuple[Field, ...]:
        """Members of the whole document."""
        source = self.get or self.list
        return source.answer if source else ()

    def member(self, name: str) -> Field | None:
        return next((f for f in self.members if f.name == name), None)


def may(patterns: frozenset[str], permission: str | None) -> bool:
    """The same rule as the services': exact name, or a pattern ending in ``*``. No permission named:
    everyone."""
    return permission in (None, "public", "authenticated") or any(
        p == permission or (p.endswith("*") and permission.startswith(p[:-1])) for p in patterns
    )


class Model:
    """All resources of the declared operations: (method, path below the API base, operation object without
    $ref)."""

    def __init__(self, declared: Iterable[Declared]) -> None:
        operations = list(declared)
        self.resources: dict[str, Resource] = {}
        for _, path, _ in operations:
            self._place(path)
        self._lists = {path[1:] for method, path, spec in operations if method == "get" and _items(spec) is not None}
        for method, path, spec in operations:
            self._attach(method, path, spec)
        self.resources = {n: r for n, r in self.resources.items() if r.list}

    @classmethod
    def of_contracts(cls) -> Model:
        """The model of everything under ``contracts/``."""
        return cls(
            (o.method, o.path.removeprefix(API), o.spec)
            for service in contracts.services()
            for o in contracts.operations(service)
        )

    @classmethod
    def for_outside(cls) -> Model:
        """What an outside account (G-10) may call and is shown: the same contracts, narrowed."""
        return cls(
            (o.method, o.path.removeprefix(API), outside.visible_operation(o.spec))
            for service in contracts.services()
            for o in contracts.operations(service)
            if o.outside
        )

    def _place(self, path: str) -> None:
        """Name the resources and their key parameters first: references between them need all names."""
        match = re.fullmatch(r"/([a-z][a-z0-9-]*)(?:/\{([a-z_]+)\})?", path)
        if match:
            resource = self.resources.setdefault(match[1], Resource(match[1]))
            if match[2]:
                noun = match[2].removesuffix("_id")
                resource.key = "id" if match[2].endswith("id") else match[2]
                resource.noun = noun if match[2] != "id" and resource.key == "id" else ""

    def _attach(self, method: str, path: str, spec: dict[str, Any]) -> None:
        segments = path.strip("/").split("/")
        resource = self.resources.get(segments[0])
        if resource is None:
            return
        operation = self._operation(method, path, spec, resource)
        match [method, *("{}" if s.startswith("{") else s for s in segments[1:])]:
            case ["get"] if operation.listed:
                resource.list = operation
            case ["post"]:
                resource.create = operation
            case ["get", "{}"]:
                resource.get = operation
            case ["put" | "patch", "{}"]:
                resource.update = operation
            case [_, "{}", "attachments", *rest]:
                resource.files = resource.files or Files()
                place = {"get": "list", "post": "add", "get {}": "get", "post {} delete": "remove", "post {} restore": "restore"}
                setattr(resource.files, place[" ".join((method, *rest))], operation)
            case ["post", "{}", verb]:
                resource.actions[verb] = operation
            case ["get", "{}", part]:
                resource.parts[part] = operation

    def _operation(self, method: str, path: str, spec: dict[str, Any], resource: Resource) -> Operation:
        answer, items = _answer(spec), _items(spec)
        listed = items is not None and method == "get"
        if items is not None and listed:
            answer = items.get("items", {})
        return Operation(
            method=method.upper(),
            path=path,
            permission=spec.get("x-permission"),
            summary=spec.get("summary", ""),
            body=self._fields(_json_schema(spec.get("requestBody", {})), resource),
            answer=() if spec.get("x-download") else self._fields(answer, resource),
            query=tuple(
                self._field(p["name"], {"x-when": When.PAST, **p.get("schema", {})}, bool(p.get("required")), resource)
                for p in spec.get("parameters", ())
                if p.get("in") == "query"
            ),
            listed=listed,
            sorts=tuple(dict.fromkeys(s.lstrip("-") for s in spec.get("x-sorts", ()))),
            download=bool(spec.get("x-download")),
        )

    def _fields(self, schema: dict[str, Any], resource: Resource) -> tuple[Field, ...]:
        schema = merged(schema)
        required = set(schema.get("required", ()))
        return tuple(
            self._field(name, child, name in required, resource)
            for name, child in schema.get("properties", {}).items()
        )

    def _field(self, name: str, schema: dict[str, Any], required: bool, resource: Resource) -> Field:
        schema = merged(schema)
        kind, options = kind_of(name, schema)
        found = Field(
            name,
            kind,
            required,
            nullable="null" in schema.get("type", ()),
            options=options,
            default=schema.get("default"),
            minimum=schema.get("minimum", schema.get("exclusiveMinimum")),
            maximum=schema.get("maximum", schema.get("exclusiveMaximum")),
            max_length=schema.get("maxLength"),
            shown_to=schema.get(restricted.MARK),
            set_by=schema.get(restricted.SET_BY),
            refers_by=schema.get("x-refers-by", {}),
            when=When(schema.get("x-when", When.EITHER)),
        )
        if kind in {"list", "group"}:
            inner = schema if kind == "group" else merged(schema.get("items", {}))
            return replace(found, fields=self._fields(inner, resource))
        if kind == "texts" and name in self._lists:
            return replace(found, kind="choices", reference=Reference(name, "code"))
        noun = schema.get("x-refers")  # where the name alone does not say it
        reference = Reference(noun) if noun in self.resources else None
        if reference is None and kind in {"text", "id"}:
            reference = self.reference(name, resource)
        return replace(found, kind="reference", reference=reference) if reference else found

    def typed_by(self, fields: tuple[Field, ...], document: Mapping[str, Any], owner: Resource) -> tuple[Field, ...]:
        """Members whose contract names no type (a parameter's value) are groups, or yes and no, where the document says so in its ``schema``."""
        schema = document.get("schema")
        if not isinstance(schema, dict) or schema.get("type") not in ("object", "boolean"):
            return fields
        return tuple(self._field(f.name, schema, f.required, owner) if f.kind == "any" else f for f in fields)

    def reference(self, name: str, owner: Resource) -> Reference | None:
        """``site_id`` points at the resource whose items are ``/sites/{site_id}``; ``x_code`` and
        ``username`` likewise."""
        if name in ("parent_id", "parent_code"):
            return Reference(owner.name, name.removeprefix("parent_"))
        if name.endswith("_id"):
            found = self._by_noun(name.removesuffix("_id"))
            return Reference(found.name) if found else None
        if name.endswith("_code"):
            noun = name.removesuffix("_code")
            found = self._by_noun(noun, lambda r: r.noun.endswith(f"_{noun}"))
            return Reference(found.name, "code") if found else None
        if name == "username" and owner.name != "users" and "users" in self.resources:
            return Reference("users", "username")
        return None

    def _by_noun(self, noun: str, also: Callable[[Resource], bool] | None = None) -> Resource | None:
        exact = [r for r in self.resources.values() if r.noun == noun]
        close = [r for r in self.resources.values() if also and also(r)]
        return next(iter(exact + close), None)

    def related(self, resource: Resource) -> list[tuple[Resource, str]]:
        """Other resources whose list can be narrowed to one document of this one, with the filter's name."""
        return [
            (other, f.name)
            for other in self.resources.values()
            for f in other.filters
            if f.reference and f.reference.resource == resource.name and other is not resource
        ]


def _answer(spec: dict[str, Any]) -> dict[str, Any]:
    """Schema of what an operation answers when it succeeds."""
    answers = spec.get("responses", {})
    return _json_schema(next((node for code, node in answers.items() if str(code).startswith("2")), {}))


def _items(spec: dict[str, Any]) -> dict[str, Any] | None:
    """Schema of a list's items; None where the answer is no list."""
    found: dict[str, Any] | None = _answer(spec).get("properties", {}).get("items")
    return found


def _json_schema(node: dict[str, Any]) -> dict[str, Any]:
    schema = node.get("content", {}).get("application/json", {}).get("schema", {})
    return merged(schema)
