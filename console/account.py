"""Signing in and out, the own password, language and theme."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console import captcha, pages, screen
from console.fields import Field
from console.forms import Form
from console.gateway import Problem
from console.i18n import LANGUAGES
from console.session import DEVICE, LANGUAGE, THEME, THEMES, YEAR, SignedOut, session, set_cookie

blueprint = Blueprint("account", __name__)
PASSWORD_FIELDS = tuple(Field(name, "password", True) for name in ("old_password", "new_password", "confirm"))


def safe_next(target: str | None) -> str:
    """An address of this console to go on to, or the home page: never another site's."""
    text = (target or "").replace("\\", "/")
    split = urlsplit(text)
    inside = text.startswith("/") and not text.startswith("//") and not split.netloc and not split.scheme
    return text if inside and text.isprintable() else "/"


@blueprint.get("/sign-in")
def sign_in() -> AnyResponse | str:
    if session().signed_in and "again" not in request.args:
        try:
            session().user  # noqa: B018  a token that still works needs no sign-in
        except (SignedOut, Problem):
            session().lost()
        else:
            return redirect(safe_next(request.args.get("next")), 303)
    return _sign_in_page(None, "", safe_next(request.args.get("next")))


@blueprint.post("/sign-in")
def do_sign_in() -> AnyResponse | tuple[str, int]:
    username, target = request.form.get("username", "").strip(), safe_next(request.form.get("next"))
    address = request.remote_addr or ""
    session().forget()
    try:
        if captcha.wanted(username, address) and not captcha.passed(
            request.form.get("challenge", ""), request.form.get("captcha", "")
        ):
            raise Problem(401, {"code": "captcha_wrong", "title": g.words("ui.captcha.wrong")})
        must_change = session().sign_in(username, request.form.get("password", ""), **_whence())
    except Problem as problem:
        if problem.code == "unauthenticated":
            captcha.failed(username, address)
            problem.document["title"] = g.words("ui.error.sign_in_title")
        return _sign_in_page(problem, username, target), problem.status
    captcha.succeeded(username, address)
    return redirect(url_for(".password", next=target) if must_change else target, 303)


def _whence() -> dict[str, str]:
    """The site's number where it is given (G-01), and what tells this browser from others (G-22)."""
    key = request.cookies.get(DEVICE) or secrets.token_urlsafe(32)
    session().cookies[DEVICE] = (key, YEAR)
    site = request.form.get("org_unit_code", "").strip()
    agent = request.headers.get("User-Agent", "")
    return {"device_key": key, "device_label": agent[:100], **({"org_unit_code": site[:64]} if site else {})}


def _sign_in_page(problem: Problem | None, username: str, target: str) -> str:
    asked = captcha.wanted(username, request.remote_addr or "")
    picture = captcha.challenge() if asked else None
    site = request.form.get("org_unit_code", "")
    return render_template(
        "sign_in.html", problem=problem, username=username, site=site, next=target, picture=picture
    )


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    """Ends the session at the gateway, at once; the browser forgets it in any case. Also the own one behind an acting one."""
    try:
        if session().own_token:
            session().act_as_oneself()
        session().call("POST", "/auth/logout", body={})
    except (Problem, SignedOut):
        pass
    session().forget()
    return redirect(url_for(".sign_in"), 303)


@blueprint.get("/password")
def password() -> str:
    return _password_page(Form(PASSWORD_FIELDS))


@blueprint.post("/password")
def change_password() -> AnyResponse | tuple[str, int]:
    body = {f.name: request.form.get(f.name, "") for f in PASSWORD_FIELDS}
    try:
        session().change_password({k: v for k, v in body.items() if v})
    except Problem as problem:
        form = Form(PASSWORD_FIELDS)
        form.refuse(problem)
        by_code = {
            "old_wrong": "old_password",
            "weak_password": "new_password",
            "confirm_mismatch": "confirm",
        }
        if problem.code in by_code:
            form.errors[by_code[problem.code]] = problem.code
        return _password_page(form), problem.status
    return redirect(safe_next(request.form.get("next")), 303)


def _password_page(form: Form) -> str:
    user = session().user
    target = safe_next(request.values.get("next"))
    return render_template(
        "password.html", form=form, user=user, next=target, must=user.get("must_change_password")
    )


@blueprint.post("/preferences")
def preferences() -> AnyResponse:
    """Language and theme belong to the browser, so they also hold on the sign-in page."""
    response = redirect(safe_next(request.form.get("next")), 303)
    language, theme = request.form.get("language"), request.form.get("theme")
    if language in LANGUAGES:
        set_cookie(response, LANGUAGE, language, YEAR)
    if theme in THEMES:
        set_cookie(response, THEME, theme, YEAR)
    return response


@blueprint.get("/")
def home() -> AnyResponse | str:
    """The first list of the menu. (Counters and to-dos come with U-02.)"""
    if session().user.get("must_change_password"):
        return redirect(url_for(".password"), 303)
    groups = screen.menu(pages.model(), session())
    if groups:
        return redirect(f"/{groups[0][1][0].name}", 303)
    return render_template("nothing.html")


@blueprint.get("/shortcuts")
def shortcuts() -> str:
    """All keys, also as a page of its own."""
    session().user  # noqa: B018  signed-in users only
    return render_template("shortcuts.html")


@blueprint.post("/session")
def keep() -> Response:
    """Called by the page when its live connection was refused: makes a fresh token if there is one to be
    had."""
    session().forget_user()
    session().renew()
    g.session.user  # noqa: B018
    return Response("", 204)
