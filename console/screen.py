"""What a page shows of a resource: menu, columns, actions with their weight, the meaning of a state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from console.contracts import MANAGED, Model, Operation, Resource
from console.fields import Field
from console.labels import companion
from console.session import Session

MAX_COLUMNS = 8
STAMPS = MANAGED | {"state", "waiting_for", "currency"}  # shown in the head, at the end, or beside amounts
May = Callable[[str | None], bool]
UPDATE = "update"
FIRST = ("number", "code", "username", "key", "name", "state")


def all_of_it(_: str | None) -> bool:
    return True


@cache
def screens() -> dict[str, Any]:
    """``screens.yaml``: what the contracts cannot say."""
    found: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "screens.yaml").read_text("utf-8"))
    return found


@dataclass(frozen=True)
class Action:
    """One thing the user may do to a document now. ``direct``: nothing to fill in, the button does it; ``asks_when_refused``: so too, and
    a refusal for want of input shows the form. ``gate``: what has to come first, in words; until then it would be refused."""

    verb: str
    operation: Operation
    primary: bool = False
    danger: bool = False
    gate: str = ""
    asks_when_refused: bool = False

    @property
    def direct(self) -> bool:
        return (not self.operation.body or self.asks_when_refused) and not self.danger


def menu(model: Model, session: Session) -> list[tuple[str, list[Resource]]]:
    """Groups of resources whose list the user may read. An outside account (G-10) has no back office."""
    groups: dict[str, list[str]] = screens()["menu"]
    if session.user.get("party_kind"):
        groups = screens()["outside"]
    else:
        named = {name for names in groups.values() for name in names} | set(screens()["elsewhere"])
        groups = {**groups, "more": [name for name in sorted(model.resources) if name not in named]}
    shown = []
    for group, names in groups.items():
        resources = [model.resources[n] for n in names if n in model.resources]
        readable = [r for r in resources if r.list and session.may(r.list.permission)]
        if readable:
            shown.append((group, readable))
    return shown


def work_lists(model: Model, session: Session) -> set[str]:
    """Names of the work lists in the user's menu. What waits is the house's business: outside accounts have none."""
    if session.user.get("party_kind"):
        return set()
    return {r.name for _, resources in menu(model, session) for r in resources} & set(screens()["work"])


def columns(resource: Resource, language: str, hidden: str = "", may: May = all_of_it, by: str = "") -> list[Field]:
    """Columns of a list: as ``screens.yaml`` says, also for rows ``by`` something, else what identifies a document first and at most
    eight. ``hidden`` is a column that says the same in every row."""
    by_name = {f.name: f for f in spoken(resource.columns, language, may)}
    said = screens()["columns"]
    if named := said.get(f"{resource.name} by {by}", said.get(resource.name)):
        by_name = {f.name: f for f in spoken(resource.list.answer if resource.list else (), language, may)}
        named = [_readable(name, by_name) for name in named]
        return [by_name[name] for name in named if name in by_name and name != hidden]
    for name in [n for n, f in by_name.items() if f.reference]:
        by_name.pop(companion(name, by_name) or "", None)
    by_name.pop(hidden, None)
    first = [by_name[name] for name in FIRST if name in by_name]
    rest = [f for f in by_name.values() if f not in first and f.kind not in {"longtext", "password", "id"}]
    rest.sort(key=lambda f: f.name == "currency")
    return (first + rest)[:MAX_COLUMNS]


def _readable(name: str, by_name: Mapping[str, Field]) -> str:
    """The words beside an id of something that has no page here."""
    found = by_name.get(name)
    return (companion(name, by_name) or name) if found is not None and found.kind == "id" else name


def spoken(fields: tuple[Field, ...], language: str, may: May = all_of_it) -> list[Field]:
    """Without the members that say the same in another language (``name_zh`` beside ``name_en``), and without those that
    every answer to this user leaves out (a cost): they would stand there empty."""
    suffixes = {"_zh", "_en"} - {f"_{language[:2]}"}
    return [f for f in fields if f.name[-3:] not in suffixes and may(f.shown_to)]


def settable(fields: tuple[Field, ...], may: May) -> tuple[Field, ...]:
    """Of a form's members those that this user may set; who lacks the right for one is refused when it is sent."""
    return tuple(replace(f, fields=settable(f.fields, may)) for f in fields if may(f.set_by))


def actions(
    resource: Resource, document: Mapping[str, Any], session: Session, usual: Sequence[str] = ()
) -> list[Action]:
    """What the user may do: by the document's ``allowed_actions`` where it has them, by right everywhere. The
    usual
    next step first (``usual`` says which, else ``screens.yaml``), dangerous ones last."""
    allowed = document.get("allowed_actions")
    verbs = [
        verb
        for verb, operation in resource.actions.items()
        if session.may(operation.permission) and (allowed is None or verb in allowed)
    ]
    steps = list(usual) or screens()["next"]
    danger = set(screens()["danger"])
    best = min((v for v in verbs if v in steps and v not in danger), key=steps.index, default=None)
    ordered = sorted(verbs, key=lambda v: (v in danger, v != best))
    gates = {gate["action"]: gate["text"] for gate in document.get("gates") or ()}
    asking = screens()["asks_when_refused"]
    return [Action(v, resource.actions[v], v == best, v in danger, gates.get(v, ""), f"{resource.name}.{v}" in asking) for v in ordered]


def may_edit(resource: Resource, document: Mapping[str, Any], session: Session) -> bool:
    """Where a document's actions count the change among them (a draft's), as they say."""
    if resource.update is None or not session.may(resource.update.permission):
        return False
    told = resource.member("allowed_actions")
    return told is None or UPDATE not in told.options or UPDATE in document.get("allowed_actions", ())


def shut_for_edit(resource: Resource, document: Mapping[str, Any]) -> str:
    """Why the document can be changed no more, where its gates say so; they name the change by its right."""
    if resource.update is None or resource.update.permission is None:
        return ""
    word = resource.update.permission.rpartition(".")[2].replace("_", "-")
    return next((str(gate["text"]) for gate in document.get("gates") or () if gate["action"] == word), "")


def meaning(value: Any) -> str:
    """Which of the five meanings a state has; closed (grey) where none is known."""
    found = (word for word, values in screens()["meaning"].items() if value in values)
    return next(found, "closed")
