"""How much waits in each work list: one small answer for all badges of the menu, shared by everybody who sees the same."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, Response, g, jsonify

from console import screen
from console.gateway import Problem
from console.pages import model
from console.session import Kept, Session, session

blueprint = Blueprint("work", __name__)
SECONDS = 10
_counts = Kept(seconds=SECONDS, size=2000)
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="work")


@blueprint.get("/work")
def counts() -> Response:
    """``{resource: how many}`` of the work lists this user may read; one that cannot be counted now is left out."""
    user = session().user
    lists = [name for name in screen.screens()["work"] if name in screen.work_lists(model(), session())]
    today = datetime.now(UTC).astimezone(g.words.zone).date().isoformat()
    seen = (user.get("org_path"), user.get("acting_for"), user.get("party_id"), session().patterns, tuple(lists), today)
    found = _counts.get(seen)
    if found is None:
        counted = _pool.map(partial(_count, session(), today), [model().resources[name].list.path for name in lists], map(screen.screens()["work"].get, lists))  # type: ignore[union-attr]
        found = _counts.put(seen, {name: n for name, n in zip(lists, counted, strict=True) if n is not None})
    return jsonify(found)


def _count(who: Session, today: str, path: str, conditions: Mapping[str, Any]) -> int | None:
    query = {name: today if value == "today" else value for name, value in conditions.items()}
    try:
        answer = who.gateway.call("GET", path, who.caller, query={**query, "limit": 1, "total": "true"})
    except Problem:
        return None
    return int(answer.get("total", 0))
