"""Pages of ordinary resources, rendered from the contracts: list, document, create, edit, actions, picker,
export."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, abort, current_app, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from console import attachments, screen, work_orders
from console.contracts import Model, Resource
from console.fields import Field, Reference
from console.forms import TEXT, Form
from console.gateway import Problem
from console.labels import Labels, companion, long, short
from console.rehearsing import rehearsed
from console.session import session
from console.trail import PARAMETER, Trail

blueprint = Blueprint("pages", __name__)
PAGE = 50
EXPORTS = {"csv", "xlsx"}
OWN_PAGE = {"work-orders": work_orders.page}  # resources with a detail page made by hand


def model() -> Model:
    """What there is for this user: an outside account knows less of it (G-10)."""
    outside = session().signed_in and session().user.get("party_kind")
    found: Model = current_app.extensions["console.outside" if outside else "console.model"]
    return found


def resource_of(name: str) -> Resource:
    found = model().resources.get(name)
    if found is None:
        abort(404)
    return found


def labels() -> Labels:
    if "labels" not in g:
        g.labels = Labels(model(), session())
    found: Labels = g.labels
    return found


def fetch(resource: Resource, key: str) -> dict[str, Any]:
    if resource.get is None:
        abort(404)
    found: dict[str, Any] = session().call("GET", resource.get.url(quote(key, safe="")))
    return found


@blueprint.app_context_processor
def _context() -> dict[str, Any]:
    """Menu and helpers; nothing of it for visitors."""
    if not session().caller.token or not request.endpoint or request.endpoint.startswith("account.sign"):
        return {"groups": [], "user": None}
    try:
        user = session().user
    except Exception:  # an error page must be shown in any case
        return {"groups": [], "user": None}
    return {
        "groups": screen.menu(model(), session()),
        "work": screen.work_lists(model(), session()),
        "user": user,
        "labels": labels(),
        "address": address,
        "model": model(),
    }


def address(resource: Resource, document: Mapping[str, Any]) -> str:
    """Where a document's page is."""
    name = screen.screens()["shown_as"].get(resource.name, resource.name)
    return f"/{name}/{quote(str(document.get(resource.key, '')), safe='')}"


# -- lists ---------------------------------------------------------------------------------------------------
@blueprint.get("/<name>")
def listing(name: str) -> Response:
    resource = resource_of(name)
    assert resource.list
    form, asked = _conditions(resource)
    embedded = request.args.get("embedded") == "1"
    problem: Problem | None = None
    page: dict[str, Any] = {"items": [], "next_cursor": None}
    if not form.errors:
        try:
            page = session().call(
                "GET", resource.list.path, query={"limit": 10 if embedded else PAGE, **asked}
            )
        except Problem as refused:
            if refused.status not in (400, 422):
                raise
            problem = refused
    shown = screen.columns(resource, g.words.language, request.args.get("by", "") if embedded else "", session().may, asked.get("by", ""))
    labels().of_rows(shown, page["items"])
    name_references(form)
    partial = embedded or request.headers.get("HX-Target") == "list"
    response = Response(
        render_template(
            "_list.html" if partial else "list.html",
            resource=resource,
            columns=shown,
            sort_key=sort_key,
            page=page,
            form=form,
            asked=asked,
            problem=problem,
            embedded=embedded,
            link=lambda **changes: link(resource, asked, **changes),
            trail=Trail.read(asked.get("cursor", ""), request.args.get(PARAMETER, "")),
            exports=sorted(EXPORTS) if any(f.name == "format" for f in resource.list.query) else [],
            creatable=resource.create is not None and session().may(resource.create.permission),
        )
    )
    if partial and not embedded:
        response.headers["HX-Push-Url"] = link(resource, asked)
    return response


def _conditions(resource: Resource) -> tuple[Form, dict[str, str]]:
    """The conditions as typed and as the API wants them: names of customers become ids, days in words become
    dates."""
    assert resource.list
    form = Form(resource.filters, {k: request.args.getlist(k) for k in request.args})
    body = form.body(labels().resolve, datetime.now(UTC), g.words.zone)
    given = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in body.items()}
    form.typed |= {k: [v] for k, v in given.items()}
    direct = {f.name for f in resource.list.query} & {"q", "sort", "cursor", "limit", "total"}
    return form, {k: v.strip() for k, v in request.args.items() if k in direct and v.strip()} | given


def sort_key(resource: Resource, f: Field) -> str:
    """The key that sorts a list by a column, if the contract has one."""
    assert resource.list
    names = (f.name, companion(f.name, resource.list.sorts) or "")
    return next((name for name in names if name in resource.list.sorts), "")


def link(resource: Resource, asked: Mapping[str, str], **changes: Any) -> str:
    """The list's address with changes; a change to None drops the parameter, any change goes back to the
    first page."""
    parameters = {k: v for k, v in asked.items() if k not in ("cursor", "total")} | changes
    query = urlencode({k: v for k, v in parameters.items() if v not in (None, "")})
    return f"/{resource.name}" + (f"?{query}" if query else "")


@blueprint.get("/row/<name>/<key>")
def row(name: str, key: str) -> str:
    """One row of a list, for a change that arrived while the list is open."""
    resource = resource_of(name)
    document = fetch(resource, key)
    shown = screen.columns(resource, g.words.language, may=session().may)
    labels().of_rows(shown, [document])
    return render_template("_row.html", resource=resource, columns=shown, item=document)


@blueprint.get("/export/<name>.<kind>")
def export(name: str, kind: str) -> Response:
    """The list as a file, streamed through; conditions and order as on the page."""
    resource = resource_of(name)
    if kind not in EXPORTS or resource.list is None:
        abort(404)
    session().user  # noqa: B018  renews the token before the stream begins
    known = {f.name for f in resource.list.query} - {"cursor", "limit", "total", "format"}
    query = {k: v for k, v in request.args.items() if k in known}
    headers, chunks = session().gateway.stream(
        resource.list.path, session().caller, {**query, "format": kind}
    )
    response = Response(chunks, content_type=headers.get("content-type", "application/octet-stream"))
    named = headers.get("content-disposition", f'attachment; filename="{name}.{kind}"')
    response.headers["Content-Disposition"] = named
    return response


@blueprint.get("/<name>/<key>/attachments/<file>")
def download(name: str, key: str, file: str) -> Response:
    """A file of a document, streamed through under the headers the API gave it: a download, never a page."""
    resource = resource_of(name)
    if resource.files is None:
        abort(404)
    session().user  # noqa: B018  renews the token before the stream begins
    headers, chunks = session().gateway.stream(attachments.path(resource.files, key, file), session().caller, {})
    passed = ("content-type", "content-length", "content-disposition", "content-security-policy")
    return Response(chunks, headers={name: headers[name] for name in passed if name in headers})


@blueprint.get("/pick/<name>")
def pick(name: str) -> str:
    """Suggestions for a reference input."""
    resource = resource_of(name)
    member = request.args.get("member", "id")
    text = next((v for k, v in request.args.items() if k.endswith(TEXT) or k == "q"), "").strip()
    found = labels().search(Reference(resource.name, member), text)
    return render_template(
        "_options.html", items=[(d.get(member), long(d, g.words.language)) for d in found if d.get(member)]
    )


# -- documents -----------------------------------------------------------------------------------------------
@blueprint.get("/<name>/<key>")
def document(name: str, key: str) -> str | AnyResponse:
    resource = resource_of(name)
    if name in screen.screens()["shown_as"]:
        return redirect(address(resource, {resource.key: key}))
    return document_page(resource, fetch(resource, key))


def document_page(
    resource: Resource, found: dict[str, Any], made: bool = False, refused: Problem | None = None, **more: Any
) -> str:
    """A document's page; ``made``: this answer created it and may hold what is shown only once. ``refused``: why
    a file was not taken. ``more``: what its own template shows besides."""
    members = screen.spoken(resource.members, g.words.language, session().may)
    values: dict[str, Any] = {
        "resource": resource,
        "document": found,
        "members": members,
        "line_columns": line_columns,
        "actions": screen.actions(resource, found, session()),
        "editable": screen.may_edit(resource, found, session()),
        "edit_shut": screen.shut_for_edit(resource, found),
        "related": [
            (other, by)
            for other, by in model().related(resource)
            if other.list and session().may(other.list.permission)
        ],
        "made": made,
        "files": attachments.shown(resource, found, session(), refused, request.args.get("files") == "deleted"),
        "file_size": _file_size,
        "secrets": [
            found[f.name] for f in made_members(resource) if f.kind == "password" and found.get(f.name)
        ],
        "idempotency_key": secrets.token_urlsafe(16),
        **more,
    }
    if own := OWN_PAGE.get(resource.name):
        return own(values, model(), session(), labels())
    values["actions"] = rehearsed(resource, str(found[resource.key]), values["actions"], session())
    labels().of_rows(members, [found])
    hidden = {companion(f.name, found) for f in members if f.reference} | screen.STAMPS
    hidden |= {f.name for f in members if f.kind == "datetime" and not found.get(f.name)}  # has not happened
    hidden |= {"phone"} if found.get("phones") else set()  # is one of them
    key = quote(str(found[resource.key]), safe="")
    values["facts"] = [
        f
        for f in members
        if f.scalar and f.kind != "password" and f.name not in hidden and found.get(f.name) != title(found)
    ]
    values["parts"] = [
        (name, _beside(operation.answer, resource, found), session().call("GET", operation.url(key), query={"limit": PAGE})["items"])
        for name, operation in resource.parts.items()
        if session().may(operation.permission)
    ]
    return render_template("document.html", **values)


def _beside(fields: tuple[Field, ...], resource: Resource, found: Mapping[str, Any]) -> tuple[Field, ...]:
    """Columns of what belongs to a document, without those that say what its page says already."""
    said = {f.name for f in fields if f.reference and (f.reference.resource == resource.name or f.name in found)}
    return tuple(f for f in fields if f.name not in said | {"version", "currency"})


def _file_size(count: int) -> str:
    unit, amount = attachments.size(count)
    return g.words(f"ui.files.{unit}", amount=g.words.number(amount))


def title(found: Mapping[str, Any]) -> str:
    return str(found.get("number") or short(found, g.words.language))


def line_columns(fields: tuple[Field, ...], rows: Sequence[Mapping[str, Any]]) -> list[Field]:
    """Columns of a table of lines: without what says nothing, names that stand in the reference's cell, and what no line has (the minutes of
    labour given in hours, the end of a reservation where there is none)."""
    names = [f.name for f in fields]
    hidden = {*screen.screens()["hidden"]} | {companion(f.name, names) or "" for f in fields if f.reference}
    return [f for f in fields if f.scalar and f.name not in hidden and any(row.get(f.name) is not None for row in rows)]


def made_members(resource: Resource) -> tuple[Field, ...]:
    return resource.create.answer if resource.create else resource.members


def name_references(form: Form) -> None:
    """Gives references that hold only a value (from an address or a document) their readable text."""

    def walk(fields: tuple[Field, ...], prefix: str) -> None:
        for f in fields:
            name = prefix + f.name
            if f.kind == "list":
                for n in range(form.rows(name)):
                    walk(f.fields, f"{name}-{n}-")
            elif f.kind == "group":
                walk(f.fields, f"{name}-")
            elif f.reference and form.value(name) and not form.value(name + TEXT):
                found = labels().document(f.reference, form.value(name))
                form.typed[name + TEXT] = [long(found, g.words.language) if found else form.value(name)]

    walk(form.fields, "")
