"""Calling the customer of an order (C-04): his number is shown on demand, and that it was is written down."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, abort, render_template, request

from console.gateway import Problem
from console.pages import document_page, fetch, resource_of
from console.session import session

blueprint = Blueprint("contact", __name__)


@blueprint.post("/work-orders/<key>/reveal-phone")
def reveal(key: str) -> str:
    """The card's part with the numbers, or why not; the whole page where no script asks."""
    resource = resource_of("work-orders")
    operation = resource.actions.get("reveal-phone")
    if operation is None:
        abort(404)
    shown: dict[str, Any] = {}
    try:
        shown["contact"] = session().call("POST", operation.url(quote(key, safe="")), body={})
    except Problem as problem:
        if problem.status not in (403, 409):
            raise
        shown["contact_refused"] = problem
    if request.headers.get("HX-Request"):
        return render_template("_contact.html", **shown)
    return document_page(resource, fetch(resource, key), **shown)
