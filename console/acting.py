"""Working in a unit's scope (切换用户, G-21): begun with a reason, shown on every page, ended by one press."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from console.fields import Field, Reference
from console.forms import Form
from console.gateway import Problem
from console.pages import labels, name_references
from console.session import session

blueprint = Blueprint("acting", __name__)
FIELDS = (
    Field("org_unit_code", "reference", True, reference=Reference("org-units", "code")),
    Field("reason", "longtext", True, max_length=500),
)
RIGHT = "gateway.session.act_for"


@blueprint.get("/act-for")
def ask() -> str:
    """``?org_unit_code=`` names the unit already (a link on its page)."""
    if not session().may(RIGHT) or session().user.get("acting_for"):
        abort(404)
    return _page(Form(FIELDS, {k: [v] for k, v in request.args.items()}))


@blueprint.post("/act-for")
def begin() -> AnyResponse | tuple[str, int]:
    form = Form(FIELDS, {k: request.form.getlist(k) for k in request.form})
    body = form.body(labels().resolve, datetime.now(UTC), g.words.zone)
    if form.errors:
        return _page(form), 422
    try:
        session().act_for(body)
    except Problem as problem:
        if problem.status >= 500:
            raise
        form.refuse(problem)
        return _page(form), problem.status
    return redirect("/", 303)


@blueprint.post("/act-for/end")
def end() -> AnyResponse:
    session().act_as_oneself()
    return redirect("/", 303)


def _page(form: Form) -> str:
    name_references(form)
    return render_template("act_for.html", form=form)
