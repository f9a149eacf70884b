"""The search on top: one text, looked for among every kind of document that the user may list.

Which kinds, and by which condition of their lists, stands in ``screens.yaml``. Each kind is one call, all at the same time and
none for long: a service that does not answer is named, and the others are shown. Scope, masks and rights are those of the
lists, which answer here too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, current_app, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from chassis.domain import folding
from console import screen
from console.contracts import Resource
from console.fields import Field
from console.gateway import Caller, Gateway, Problem
from console.labels import NAMES, NUMBERS
from console.pages import address, model
from console.session import Session, session

blueprint = Blueprint("finding", __name__)
FINDER = "console.finder"
LONGEST = 100
EACH = 5
SECONDS = 3.0
"""How long one kind may take on the page of hits; suggestions wait half of it."""
SHAPES = {
    "any": re.compile(".+"),
    "words": re.compile(r".*[^\W\d_].*"),
    "phone": re.compile(r"\d{4}|(?=(?:\D*\d){5})\+?[\d ().-]+"),
    "identifier": re.compile(r"(?=.*[A-Za-z0-9].*[A-Za-z0-9])[\x20-\x7e]+"),
    "number": re.compile(r"(?=.*[A-Za-z])(?=.*[0-9])[A-Za-z0-9-]{2,64}"),
}
"""What a text must look like to be worth the question."""

_pool = ThreadPoolExecutor(max_workers=24, thread_name_prefix="finding")


@dataclass(frozen=True)
class Hit:
    """One document found: what it is called, what tells it from the others, and where its page is."""

    label: str
    details: tuple[str, ...]
    href: str
    state: str | None
    exact: bool


@dataclass
class Group:
    """What was found of one kind. ``silent``: it did not answer; ``total``: how many there are, where more than are shown."""

    resource: Resource
    query: dict[str, str]
    hits: list[Hit]
    more: bool = False
    silent: bool = False
    total: int | None = None

    @property
    def href(self) -> str:
        """The list with the same condition set."""
        return f"/{self.resource.name}?{urlencode(self.query)}"


@blueprint.get("/find")
def find() -> AnyResponse | str:
    """The page of hits (``suggest=1``: as suggestions). Where the text is the number of one document, and of one only, straight on
    to that."""
    suggest = request.args.get("suggest") == "1"
    typed = request.args.get("q", "")
    text = cleaned(typed)
    too_long = len(text) > LONGEST
    groups = [] if too_long or not text else searched(text, SECONDS / 2 if suggest else SECONDS)
    if not suggest:
        exact = [hit for group in groups for hit in group.hits if hit.exact]
        if len(exact) == 1:
            return redirect(exact[0].href, 303)
        count(groups)
    return render_template(
        "_found.html" if suggest else "find.html", text=text[:LONGEST], too_long=too_long, found=groups, longest=LONGEST
    )


@blueprint.app_context_processor
def _context() -> dict[str, Any]:
    return {"findable": lambda: [resource for resource, _ in kinds()]}


def cleaned(typed: str) -> str:
    """What was typed without signs that cannot be seen, with single blanks; the lists fold it as they fold what they hold."""
    kinds = [(unicodedata.category(sign), sign) for sign in typed[: LONGEST * 20]]
    return folding.tidy("".join(" " if kind in ("Cc", "Zl", "Zp") else sign for kind, sign in kinds if kind not in UNSEEN))


UNSEEN = ("Cf", "Cs", "Co", "Cn")


def kinds() -> list[tuple[Resource, Mapping[str, Any]]]:
    """The kinds this user may search, in the order of their groups."""
    found = []
    for name, how in screen.screens()["find"].items():
        resource = model().resources.get(name)
        if resource and resource.list and resource.get and session().may(resource.list.permission) and session().may(resource.get.permission):
            found.append((resource, how))
    return found


def asked(resource: Resource, how: Mapping[str, Any], text: str) -> dict[str, str] | None:
    """The first condition that fits the text; None where the text can be none of this kind."""
    assert resource.list
    offered = {f.name: f for f in resource.list.query}
    plain = folding.code(text)
    for name, shape in how["by"].items():
        if name in offered and SHAPES[shape].fullmatch(plain):
            return {name: plain.upper() if shape == "number" else text}
    return None


def searched(text: str, seconds: float) -> list[Group]:
    """All kinds that the text may be of, each with its first hits."""
    wanted = [(resource, how, query) for resource, how in kinds() if (query := asked(resource, how, text))]
    asks = [(resource, {**query, "limit": str(EACH + 1)}) for resource, _, query in wanted]
    groups = []
    for (resource, how, query), answer in zip(wanted, _all(asks, seconds), strict=True):
        items = answer.get("items", []) if answer else []
        hits = [_hit(resource, how, item, text) for item in items[:EACH]]
        groups.append(Group(resource, query, hits, len(items) > EACH, silent=answer is None))
    return groups


def count(groups: list[Group]) -> None:
    """How many there are where not all are shown."""
    larger = [group for group in groups if group.more]
    asks = [(group.resource, {**group.query, "limit": "1", "total": "true"}) for group in larger]
    for group, answer in zip(larger, _all(asks, SECONDS), strict=True):
        group.total = (answer or {}).get("total")


def _all(asks: list[tuple[Resource, dict[str, str]]], seconds: float) -> list[dict[str, Any] | None]:
    """The answers in the order of the questions; None for one that did not come, nothing found for one that was refused."""
    if not asks:
        return []
    session().user  # noqa: B018  renews a token that is over
    answers = _asked(asks, seconds, session())
    if any(isinstance(one, Problem) and one.status == 401 for one in answers):
        session().renew()
        answers = _asked(asks, seconds, session())
    return [one if isinstance(one, dict) else {} if isinstance(one, Problem) and one.status in (400, 403, 404, 422) else None for one in answers]


def _asked(asks: list[tuple[Resource, dict[str, str]]], seconds: float, who: Session) -> list[dict[str, Any] | Problem | None]:
    gateway: Gateway = current_app.extensions[FINDER]
    calls = [_pool.submit(_ask, gateway, resource, query, who.caller) for resource, query in asks]
    wait(calls, seconds)
    for call in calls:
        call.cancel()
    return [_came(call) for call in calls]


def _ask(gateway: Gateway, resource: Resource, query: dict[str, str], caller: Caller) -> dict[str, Any] | Problem:
    assert resource.list
    try:
        found: dict[str, Any] = gateway.call("GET", resource.list.path, caller, query=query)
    except Problem as problem:
        return problem
    return found


def _came(call: Future[dict[str, Any] | Problem]) -> dict[str, Any] | Problem | None:
    return call.result() if call.done() and not call.cancelled() else None


def _hit(resource: Resource, how: Mapping[str, Any], document: Mapping[str, Any], text: str) -> Hit:
    names = (*NUMBERS, f"name_{g.words.language[:2]}", *NAMES)
    called = next((name for name in names if document.get(name)), resource.key)
    fields = {f.name: f for f in (resource.list.answer if resource.list else ())}
    details = [fields[name] for name in how["tell"] if name in fields and document.get(name) not in (None, "", [])]
    return Hit(
        label=str(document.get(called) or ""),
        details=tuple(_words(f, document, resource.name) for f in details if f.name not in (called, "state")),
        href=address(resource, document),
        state=document.get("state") if "state" in fields else None,
        exact=called in OWN and folding.words(str(document[called])) == folding.words(text),
    )


OWN = ("number", "code", "serial_number")
"""Members that name a document itself, and not one that it belongs to."""


def _words(f: Field, document: Mapping[str, Any], resource: str) -> str:
    """One value in the user's words, without a link: the hit is one already."""
    t, value = g.words, document[f.name]
    match f.kind:
        case "enum":
            return str(t.option(f.name, value, resource))
        case "money":
            return str(t.money(value, document.get("currency") or "CNY"))
        case "phone":
            return str(t.phone(value))
        case "date" | "datetime":
            named = t.day(value) if f.kind == "date" else t.ago(value)
            return f"{t.field(f.name, resource)} {named}"
    return str(value)
