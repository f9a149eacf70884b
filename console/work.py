"""How much waits in each work list: one small answer for all badges of the menu, shared by everybody who sees the same."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from flask import Blueprint, Response, g, jsonify

from console import screen
from console.contracts import Resource
from console.gateway import Problem
from console.pages import model
from console.session import Session, TimedCache, session

blueprint = Blueprint("work", __name__)
SECONDS = 10
_counts = TimedCache(seconds=SECONDS, size=2000)
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="work")


@blueprint.get("/work")
def counts() -> Response:
    """``{resource: how many}`` of the work lists this user may read; one that cannot be counted now is left out."""
    user, who = session().user, session()
    shown = screen.work_lists(model(), who)
    lists = {name: conditions for name, conditions in screen.screens()["work"].items() if name in shown}
    today = datetime.now(UTC).astimezone(g.words.zone).date().isoformat()
    seen = (user.get("org_path"), user.get("acting_for"), user.get("party_id"), who.patterns, tuple(lists), today)
    found: dict[str, int] | None = _counts.get(seen)
    if found is None:
        calls = {name: _pool.submit(_count, who, today, model().resources[name], conditions) for name, conditions in lists.items()}
        counted = {name: call.result() for name, call in calls.items()}
        found = {name: count for name, count in counted.items() if count is not None}
        if found.keys() == counted.keys():  # what one session could not count (its screen is locked) is not kept for others
            _counts.put(seen, found)
    return jsonify(found)


def _count(who: Session, today: str, resource: Resource, conditions: Mapping[str, str]) -> int | None:
    """None where the list does not answer: its badge is left out, the others are shown."""
    assert resource.list
    query = {name: today if value == "today" else value for name, value in conditions.items()}
    try:
        answer = who.gateway.call("GET", resource.list.path, who.caller, query={**query, "limit": 1, "total": "true"})
    except Problem:
        return None
    return int(answer.get("total", 0))
