"""Which buttons would be refused, known before anybody presses them: an action that needs nothing filled in is carried out as a dry
run (G-25) while its document is shown, by the rules and in the words of the operation itself."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote

from console.contracts import Resource
from console.gateway import Problem
from console.screen import Action
from console.session import Session

REFUSALS = (403, 409, 422, 423)
_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="rehearsing")


def rehearsed(resource: Resource, key: str, actions: Iterable[Action], session: Session) -> list[Action]:
    """The actions, those that would be refused with the reason. One that cannot be tried now stays as it is."""

    def tried(action: Action) -> Action:
        operation = action.operation
        if action.gate or (operation.body and not action.asks_when_refused) or operation.download:
            return action
        headers = {"Dry-Run": "true", "Prefer": "wait=0"}
        try:
            session.gateway.call(operation.method, operation.url(quote(key, safe="")), session.caller, body={}, headers=headers)
        except Problem as problem:
            if problem.status in REFUSALS and not (problem.status == 422 and action.asks_when_refused):
                return replace(action, gate=_words(problem))
        return action

    return list(_pool.map(tried, actions))


def _words(problem: Problem) -> str:
    title, detail = (str(problem.document.get(name) or "") for name in ("title", "detail"))
    return detail if " " in detail or not detail.isascii() else title
