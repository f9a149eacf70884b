"""The bell: what the user was told of (站内通知), how much of it is unread, and the way from each to its document."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from console.contracts import Resource
from console.pages import PAGE, model
from console.session import session

blueprint = Blueprint("notices", __name__)


@blueprint.get("/notices")
def show() -> str:
    """Newest first, a page at a time."""
    query = {"limit": PAGE, **{name: request.args[name] for name in ("unread", "cursor") if request.args.get(name)}}
    page = session().call("GET", "/notices", query=query)
    return render_template("notices.html", page=page, subject=_subject)


@blueprint.get("/notices/unread")
def unread() -> Response:
    """``{"unread": how many}``, for the bell."""
    found = session().call("GET", "/notices", query={"unread": "true", "limit": 1, "total": "true"})
    return jsonify(unread=found["total"])


@blueprint.post("/notices/<key>/open")
def open_one(key: str) -> AnyResponse:
    """It is read with that, and the document that it is about comes next; the list again where he may not see that one."""
    notice = session().call("POST", f"/notices/{quote(key, safe='')}/read", body={})
    resource = _subject(notice)
    return redirect(f"/{resource.name}/{quote(notice['subject_id'], safe='')}" if resource else "/notices", 303)


@blueprint.post("/notices/read-all")
def read_all() -> AnyResponse:
    """As many as the page showed: what came since stays unread."""
    until = request.form.get("until", "")
    session().call("POST", "/notices/read-all", body={"until": until} if until else {})
    return redirect("/notices", 303)


def _subject(notice: dict[str, Any]) -> Resource | None:
    """The kind of document that it is about, if the user may see such."""
    found = next((one for one in model().resources.values() if one.noun == notice["subject_type"]), None)
    return found if found and found.get and session().may(found.get.permission) else None
