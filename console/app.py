"""The console's Flask application: wiring, what every request gets, what every answer carries, errors as
pages."""

from __future__ import annotations

import os
from functools import partial
from time import perf_counter, time_ns
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, jsonify, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as AnyResponse

from chassis.ops import metrics, trace
from console import (
    account,
    acting,
    assets,
    attachments,
    contact,
    edits,
    finding,
    looking_up,
    notices,
    pages,
    screen,
    screen_lock,
    work,
)
from console.contracts import Model
from console.gateway import Caller, Gateway, Problem
from console.i18n import LANGUAGES, Words, preferred
from console.labels import companion, long, short
from console.session import (
    ACCESS,
    DONE,
    LANGUAGE,
    MORE,
    OWN,
    REFRESH,
    THEME,
    THEMES,
    Session,
    SignedOut,
    csrf_token,
    csrf_valid,
    set_cookie,
    write_cookies,
)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
MAX_BODY = 1024 * 1024
SAFE = {"GET", "HEAD", "OPTIONS"}


def create_app(gateway_url: str | None = None, model: Model | None = None) -> Flask:
    """The console in front of one gateway. ``gateway_url`` defaults to ``AFTERSALES_GATEWAY_URL``, ``model``
    to the
    contracts of the suite."""
    app = Flask("console", static_folder=None)
    app.url_map.merge_slashes = False  # that redirect names whatever host the request named
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions["console.model"] = model or Model.of_contracts()
    app.extensions["console.outside"] = Model.for_outside()
    base = gateway_url or os.environ.get("AFTERSALES_GATEWAY_URL", "http://127.0.0.1:8080")
    gateway = Gateway(base)
    app.extensions[finding.FINDER] = Gateway(base, finding.SECONDS)
    metrics.answering("console")
    app.add_url_rule("/metrics", "metrics", _metrics)
    app.add_url_rule("/static/<path:name>", "static", assets.serve)
    app.add_url_rule("/live", "live", lambda: jsonify(ok=True))
    app.add_url_rule("/ready", "ready", lambda: jsonify(ok=True))
    app.register_blueprint(account.blueprint)
    app.register_blueprint(acting.blueprint)
    app.register_blueprint(screen_lock.blueprint)
    app.register_blueprint(contact.blueprint)
    app.register_blueprint(looking_up.blueprint)
    app.register_blueprint(notices.blueprint)
    app.register_blueprint(work.blueprint)
    app.register_blueprint(finding.blueprint)
    app.register_blueprint(edits.blueprint)
    app.register_blueprint(pages.blueprint)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]

    @app.before_request
    def begin() -> AnyResponse | None:
        g.began = perf_counter()
        span = trace.child_of(request.headers.get("traceparent"))
        span.service, span.kind, span.began = "console", "server", time_ns()
        g.span, g.trace_id = span, span.trace_id
        language = request.cookies.get(LANGUAGE, "")
        g.words = Words(language if language in LANGUAGES else preferred(request.headers.get("Accept-Language")))
        theme = request.cookies.get(THEME, "")
        g.theme = theme if theme in THEMES else THEMES[0]
        token = request.cookies.get(ACCESS, "") + request.cookies.get(MORE, "")
        proof = request.headers.get("X-Forwarded-Proof", "")
        caller = Caller(token, g.words.language, span.traceparent, request.remote_addr or "", proof)
        g.session = Session(gateway, caller, request.cookies.get(REFRESH, ""), request.cookies.get(OWN, ""))
        if request.endpoint == "edits.attach":
            request.max_content_length = attachments.LARGEST
        if request.method not in SAFE and not csrf_valid(request):
            return error_page(
                403, g.words("ui.error.csrf_title"), g.words("ui.error.csrf_text"), "csrf_refused"
            )
        return screen_lock.refuse()

    @app.after_request
    def finish(response: Response) -> Response:
        metrics.answered("console", request.endpoint or "unknown", str(response.status_code), perf_counter() - g.began)
        _end_span(response.status_code)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint == "static":
            return response
        response.headers.setdefault("Cache-Control", "private, no-store")
        write_cookies(response)
        if g.get("done_shown"):
            set_cookie(response, DONE, "", 0)
        return assets.pack(response)

    app.context_processor(_context)
    app.jinja_env.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # to be read by people
    app.jinja_env.filters["urlquote"] = lambda text: quote(str(text), safe="")
    _errors(app)
    return app


def _end_span(status: int) -> None:
    """The request's span: the trace of a click begins with it. Files and looks of operators are not worth one."""
    if request.endpoint not in (None, "static", "live", "ready", "metrics"):
        g.span.name = f"{request.method} {request.endpoint}"
        g.span.answered(status)
        trace.end(g.span)


def _metrics() -> Response:
    """For whoever reaches this port itself: the gateway answers this path with its own."""
    body, media = metrics.exposition()
    return Response(body, content_type=media)


def _context() -> dict[str, Any]:
    """What every template may use."""
    return {
        "t": g.words,
        "asset": assets.url,
        "csrf": lambda: Markup('<input type="hidden" name="csrf_token" value="{}">').format(csrf_token()),
        "csrf_token": csrf_token,
        "session": g.session,
        "theme": g.theme,
        "languages": LANGUAGES,
        "themes": THEMES,
        "screens": screen.screens(),
        "meaning": screen.meaning,
        "companion": companion,
        "short": partial(short, language=g.words.language),
        "long": partial(long, language=g.words.language),
        "done": _done,
    }


def _done() -> str:
    """What the last request did, told once."""
    action = request.cookies.get(DONE, "")
    if not action:
        return ""
    g.done_shown = True
    if not action.replace("-", "").replace(".", "").isalnum():
        return ""
    return g.words.first(f"done_of.{action}", f"done.{action.rpartition('.')[2]}", "done.any")


def error_page(status: int, title: str, text: str, code: str, trace_id: str = "") -> Response:
    body = render_template(
        "error.html", status=status, title=title, text=text, code=code, trace_id=trace_id or g.trace_id
    )
    return Response(body, status)


def _errors(app: Flask) -> None:
    @app.errorhandler(SignedOut)
    def signed_out(_: SignedOut) -> AnyResponse:
        """Back to where the user was, after signing in. What is typed into a form stays in it: the page tells the user to
        sign in elsewhere and to submit again. Without scripts it starts at its page anew."""
        g.session.lost()
        here = request.full_path.rstrip("?") if request.method == "GET" else request.path
        target = url_for("account.sign_in", next=here)
        if request.headers.get("HX-Request"):
            typed = request.method != "GET"
            return Response("", 401 if typed else 200, {"X-Signed-Out": "1", "HX-Reswap": "none"} if typed else {"HX-Redirect": target})
        return redirect(target, 303)

    @app.errorhandler(Problem)
    def problem(error: Problem) -> AnyResponse:
        document = error.document
        if error.code == "screen_locked":
            return screen_lock.locked_elsewhere()
        if error.code == "password_change_required" or document.get("must_change_password"):
            return redirect(url_for("account.password"), 303)
        title = document.get("title") or g.words(
            f"ui.error.{'away' if error.status >= 500 else 'other'}_title"
        )
        detail = document.get("detail")
        if detail in (None, "", title):  # which says nothing more
            known = f"ui.error.{error.code}_text"
            detail = g.words(known if g.words.has(known) else "ui.error.other_text")
        return error_page(error.status, str(title), str(detail), error.code, error.trace_id)

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> AnyResponse:
        status = error.code or 500
        kind = {404: "not_found", 405: "not_found", 413: "payload_too_large"}.get(status, "other")
        return error_page(status, g.words(f"ui.error.{kind}_title"), g.words(f"ui.error.{kind}_text"), kind)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> AnyResponse:
        app.logger.exception("unhandled", extra={"trace": g.get("trace_id")})
        return error_page(
            500,
            g.words("ui.error.internal_error_title"),
            g.words("ui.error.internal_error_text"),
            "internal_error",
        )
