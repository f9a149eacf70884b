"""Forms made from the contracts: create, edit and actions; what the API refuses stands beside the inputs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from console import attachments, screen
from console.contracts import Operation, Resource
from console.fields import Field
from console.forms import Form
from console.gateway import Problem
from console.labels import short
from console.pages import (
    address,
    document_page,
    fetch,
    labels,
    made_members,
    model,
    name_references,
    resource_of,
)
from console.session import DONE, session, set_cookie

blueprint = Blueprint("edits", __name__)
RIGHTS = "permissions"


@blueprint.route("/<name>/new", methods=["GET", "POST"])
def create(name: str) -> AnyResponse | str | tuple[str, int]:
    resource = resource_of(name)
    if resource.create is None:
        abort(404)
    given = {k: [v] for k, v in request.args.items()}
    return _form_page(resource, resource.create, "create", None, Form(screen.settable(resource.create.body, session().may), given))


@blueprint.route("/<name>/<key>/edit", methods=["GET", "POST"])
def edit(name: str, key: str) -> AnyResponse | str | tuple[str, int]:
    resource = resource_of(name)
    if resource.update is None:
        abort(404)
    found = fetch(resource, key)
    fields = screen.settable(model().typed_by(resource.update.body, found, resource), session().may)
    form = Form.of_document(fields, found, g.words.exact)
    return _form_page(resource, resource.update, "update", found, form)


@blueprint.route("/<name>/<key>/<verb>", methods=["GET", "POST"])
def act(name: str, key: str, verb: str) -> AnyResponse | str | tuple[str, int]:
    resource = resource_of(name)
    operation = resource.actions.get(verb)
    if operation is None:
        abort(404)
    found = fetch(resource, key)
    begins = screen.screens()["begins"].get(f"{resource.name}.{verb}", {})
    form = Form.of_document(tuple(f for f in operation.body if f.scalar or f.name in begins), _begun(begins, found), g.words.exact)
    form.fields = screen.settable(operation.body, session().may)
    return _form_page(resource, operation, verb, found, form)


def _begun(begins: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What an action's form begins with: members of the document of the same name (an assignment to be changed), and what
    ``screens.yaml`` says (a payment of what is open, lines of what is out)."""
    begun = dict(found)
    for name, path in begins.items():
        if isinstance(path, dict):
            rows = ({member: row.get(of) for member, of in path.items()} for row in found.get(name) or ())
            begun[name] = [row for row in rows if all(row.values())]
        else:
            group, _, member = path.rpartition(".")
            begun[name] = ((found.get(group) or {}) if group else found).get(member)
    return begun


# -- files ---------------------------------------------------------------------------------------------------
@blueprint.post("/<name>/<key>/attachments")
def attach(name: str, key: str) -> AnyResponse | tuple[str, int]:
    """Passes the file of the form on; a refusal stands above the form again."""
    resource = resource_of(name)
    given = request.files.get("file")
    if resource.files is None or resource.files.add is None or given is None:
        abort(404)
    upload = attachments.form(given.filename or "", given.read())
    headers = {"Idempotency-Key": request.form.get("idempotency_key") or secrets.token_urlsafe(16)}
    try:
        session().call("POST", attachments.path(resource.files, key), upload=upload, headers=headers)
    except Problem as problem:
        if problem.status >= 500 or problem.status in (401, 404):
            raise
        return document_page(resource, fetch(resource, key), refused=problem), problem.status
    return _done(f"/{name}/{quote(key, safe='')}", "attach")


@blueprint.post("/<name>/<key>/attachments/<file>/delete")
def detach(name: str, key: str, file: str) -> AnyResponse:
    resource = resource_of(name)
    if resource.files is None or resource.files.remove is None:
        abort(404)
    session().call("POST", attachments.path(resource.files, key, file, "delete"), body={})
    return _done(f"/{name}/{quote(key, safe='')}", "delete")


@blueprint.post("/<name>/<key>/attachments/<file>/restore")
def reattach(name: str, key: str, file: str) -> AnyResponse | tuple[str, int]:
    """A refusal (no room left) stands above the files that were deleted."""
    resource = resource_of(name)
    if resource.files is None or resource.files.restore is None:
        abort(404)
    try:
        session().call("POST", attachments.path(resource.files, key, file, "restore"), body={})
    except Problem as problem:
        if problem.status != 409:
            raise
        return document_page(resource, fetch(resource, key), refused=problem), problem.status
    return _done(f"/{name}/{quote(key, safe='')}", "restore")


def _done(target: str, verb: str) -> AnyResponse:
    response = redirect(target, 303)
    set_cookie(response, DONE, verb, 60)
    return response


def _form_page(
    resource: Resource, operation: Operation, verb: str, found: dict[str, Any] | None, form: Form
) -> AnyResponse | str | tuple[str, int]:
    """The form of an operation, or its result: the document's page, or the form again with what was wrong."""
    status: int = 200
    answer: dict[str, Any] | Response | None = None
    key = request.form.get("idempotency_key") or secrets.token_urlsafe(16)
    if request.method == "POST":
        form = Form(form.fields, {k: request.form.getlist(k) for k in request.form})
        if add := request.form.get("add_row"):
            form.add_row(add)
        else:
            wait = screen.screens()["wait"].get(f"{resource.name}.{verb}", 1)
            status, answer = _send(operation, form, {"Idempotency-Key": key, "Prefer": f"wait={wait}"}, found, resource)
            if status < 500:  # else nobody knows whether it was carried out: sent again it is the same request
                key = secrets.token_urlsafe(16)
    if isinstance(answer, Response):
        return answer
    if answer is not None:
        return _after(resource, verb, found, answer)
    name_references(form)
    page = render_template(
        "form.html", resource=resource, operation=operation, verb=verb, document=found, form=form,
        idempotency_key=key, danger=verb in screen.screens()["danger"], options=_options(form.fields),
        rights=_rights(form),
    )  # fmt: skip
    return page, status


def _send(
    operation: Operation, form: Form, headers: dict[str, str], found: Mapping[str, Any] | None, resource: Resource
) -> tuple[int, dict[str, Any] | Response | None]:
    body = form.body(labels().resolve, datetime.now(UTC), g.words.zone)
    if form.errors:
        return 422, None
    for f in operation.body:
        if f.kind == "any" and f.name in body:
            body[f.name] = untyped(body[f.name], (found or {}).get(f.name))
    if found and operation.method == "PATCH":
        body = changed(operation.body, body, found)
        if not body:
            return 200, dict(found)
    if version := request.form.get("version"):
        headers["If-Match"] = version
    path = operation.url(quote(str(found[resource.key]), safe="")) if found else operation.path
    try:
        if operation.download:
            return 200, _file(path, body, headers)
        answer = session().call(operation.method, path, body=body, headers=headers)
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        form.refuse(problem)
        return problem.status, None
    return 200, answer or {}


def _file(path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """What the operation answers, passed on as a file while it is being made."""
    given, chunks = session().gateway.stream(path, session().caller, {}, body, headers)
    return Response(chunks, headers=[(name, given[name]) for name in ("content-type", "content-disposition") if name in given])


def untyped(text: str, present: Any) -> Any:
    """A value whose contract names no type (a parameter's): of the present value's type, text stays text."""
    if isinstance(present, str):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def changed(fields: tuple[Field, ...], body: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What a change has to say: members that differ from the document, emptied ones as null, blank or empty
    list."""
    out = {f.name: body[f.name] for f in fields if f.name in body and body[f.name] != found.get(f.name)}
    for f in fields:
        if f.name not in body and found.get(f.name) not in (None, "", []):
            blank: Any = (
                []
                if f.kind in ("choices", "texts", "list")
                else None
                if f.nullable or f.kind == "boolean"
                else ""
            )
            out[f.name] = blank
    return out


def _after(
    resource: Resource, verb: str, found: Mapping[str, Any] | None, answer: dict[str, Any]
) -> AnyResponse | str:
    """On to the document. What an answer tells only once (a password, warnings) is shown on its page right
    away."""
    target = address(resource, found or answer)
    once = [f.name for f in made_members(resource) if f.kind == "password" or f.name == "warnings"]
    if any(answer.get(name) for name in once):
        page = Response(document_page(resource, answer, made=True))
        page.headers["HX-Push-Url"] = target
        return page
    # What another service has yet to confirm is not done: the state says so.
    unconfirmed = (answer.get("state"), verb) == ("cancelling", "cancel")
    return _done(target, f"{resource.name}.{answer['state'] if unconfirmed else verb}")


def _options(fields: tuple[Field, ...]) -> dict[str, list[tuple[str, str]]]:
    """Value and text of choices; those that are documents themselves (roles of a user) are asked for."""
    out = {f.name: [(str(option), "") for option in f.options] for f in fields if f.kind == "choices"}
    for f in fields:
        if f.kind == "choices" and f.reference:
            found = labels().search(f.reference, "", limit=200)
            out[f.name] = [(str(d[f.reference.member]), short(d, g.words.language)) for d in found]
    return out


def _rights(form: Form) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Every right there is by service and by what it is about, for the form of a role; beside them what the role has as a
    pattern (``orders.*``)."""
    if not any(f.name == RIGHTS and f.kind == "texts" for f in form.fields):
        return []
    asked = session().call("GET", f"/{RIGHTS}")[RIGHTS]
    held = [right for text in form.values(RIGHTS) for right in text.split()]
    known = [entry["permission"] for entry in asked]
    by_service: dict[str, dict[str, list[str]]] = {}
    for right in [*(p for p in held if p not in known), *known]:
        service, noun = [*right.split("."), ""][:2]
        by_service.setdefault(service, {}).setdefault("" if noun == "*" else noun, []).append(right)
    form.typed[RIGHTS] = held
    return [(service, list(nouns.items())) for service, nouns in by_service.items()]
