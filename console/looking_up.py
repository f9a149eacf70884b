"""Looking a number up in the whole company (R-06): from a list of customers that has nobody with it, to taking in who is found."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from console.gateway import Problem
from console.session import DONE, session, set_cookie

blueprint = Blueprint("looking_up", __name__)


@blueprint.get("/customers/look-up")
def ask() -> str:
    return render_template("look_up.html", phone="", found=None, problem=None)


@blueprint.post("/customers/look-up")
def look_up() -> str:
    """Who has the number, or why it was not looked up."""
    phone = request.form.get("phone", "")
    found: list[dict[str, Any]] | None = None
    problem: Problem | None = None
    try:
        found = session().call("POST", "/customer-lookups", body={"phone": phone})["items"]
    except Problem as refused:
        if refused.status not in (400, 403, 429):
            raise
        problem = refused
    return render_template("look_up.html", phone=phone, found=found, problem=problem)


@blueprint.post("/customers/<key>/look-up/take-in")
def take_in(key: str) -> Response:
    """Who was found is the unit's customer from now on; his page may be read only then, so this asks for none before."""
    place = f"/customers/{quote(key, safe='')}"
    session().call("POST", f"{place}/take-in", body={})
    response = redirect(place, 303)
    set_cookie(response, DONE, "take-in", 60)
    return response
