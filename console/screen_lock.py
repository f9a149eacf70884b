"""Screen lock (锁屏, G-03): what is on the page stays, and waits for the password of the one who locked it.

With JavaScript a sheet covers the page, so nothing typed is lost, in every tab of the browser. Without it, and after a reload,
every address leads to the page that asks for the password. Five wrong ones end the session.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.account import safe_next
from console.gateway import Problem
from console.session import LOCKED, session

blueprint = Blueprint("screen_lock", __name__)
OPEN = {"screen_lock.ask", "screen_lock.lock", "screen_lock.unlock", "static", "live", "ready"}
OPEN |= {"account.sign_in", "account.do_sign_in", "account.sign_out", "account.preferences", "account.keep"}
SECONDS = 30 * 86400


def refuse() -> AnyResponse | None:
    """The answer to whatever is asked for while the screen is locked."""
    if not request.cookies.get(LOCKED) or request.endpoint in OPEN or not session().signed_in:
        return None
    if request.headers.get("HX-Request"):  # the sheet is up; what happens below it waits
        return Response("", 204)
    here = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return redirect(url_for("screen_lock.ask", next=here), 303)


def locked_elsewhere() -> AnyResponse:
    """The gateway says that the session's screen is locked and this browser did not know."""
    session().cookies[LOCKED] = ("1", SECONDS)
    target = url_for("screen_lock.ask", next=request.full_path.rstrip("?") if request.method == "GET" else request.path)
    return Response("", 200, {"HX-Redirect": target}) if request.headers.get("HX-Request") else redirect(target, 303)


@blueprint.post("/lock")
def lock() -> AnyResponse:
    session().call("POST", "/auth/lock", body={})
    session().cookies[LOCKED] = ("1", SECONDS)
    return redirect(url_for(".ask", next=safe_next(request.form.get("next"))), 303)


@blueprint.get("/locked")
def ask() -> AnyResponse | str:
    target = safe_next(request.args.get("next"))
    if not request.cookies.get(LOCKED):
        return redirect(target, 303)
    return _page(None, target)


@blueprint.post("/unlock")
def unlock() -> AnyResponse | tuple[str, int]:
    """204 for the sheet, which goes away; the page otherwise goes on to where the user was."""
    target, sheet = safe_next(request.form.get("next")), request.headers.get("X-Sheet") == "1"
    try:
        session().call("POST", "/auth/unlock", body={"password": request.form.get("password", "")})
    except Problem as problem:
        if problem.code == "account_locked":
            session().forget()
            leave = url_for("account.sign_in")
            return Response("", 200, {"X-Leave": leave}) if sheet else redirect(leave, 303)
        if sheet:
            return Response(_words(problem), problem.status, content_type="text/plain; charset=utf-8")
        return _page(problem, target), problem.status
    session().cookies[LOCKED] = ("", 0)
    return Response("", 204) if sheet else redirect(target, 303)


def _words(problem: Problem) -> str:
    if problem.code == "unauthenticated" and "failures" in problem.document:
        return g.words("ui.lock.failures", failures=problem.document["failures"], limit=problem.document["limit"])
    return str(problem.document.get("title") or g.words("ui.error.other_title"))


def _page(problem: Problem | None, target: str) -> str:
    problem_text = _words(problem) if problem else ""
    return render_template("locked.html", problem_text=problem_text, next=target, who=session().user)
