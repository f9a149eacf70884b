"""What a suite answers to whom, kept by one version and held against what another answers.

A later version may add members, documents of its own and new words; what was told stays and says the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.client import Client

Answers = dict[str, Any]
"""By path below /api/v1; ``?limit=200`` marks a list, which stands with all its pages."""

LIST = "?limit=200"
ASKING = 4  # connections at once

NOT_KEPT = ("/webhook-deliveries", "/partner-calls", "/login-status", "/streams/me", "/me", "/permissions", "/webhook-events")
"""Logs that are pruned after some days, what is true only now, and what the product says of itself."""
GROWING = ("/audit-log", "/roles", "/parameters", "/accounts", "/sign-in-devices", "/order-numbers", "/stock-numbers", "/finance-numbers")
"""Lists to which reading itself or a later version adds; nothing in them goes away."""
OF_THE_PRODUCT = {
    "text", "summary", "gates",  # said anew in each answer, by rules and in words of the version that answers
    "schema", "default", "description_zh", "description_en",  # of a parameter
    "next_number",  # another one in another month
    "last_login_at",
    "age_days",  # of a shortage: more by itself every day
}
CHANGED_BY_UPGRADE = {"/roles": {"version", "updated_at"}}
"""Roles that ship get the rights of what is new."""
KEYS = ("id", "code", "kind")
OPEN = {"allowed_actions", "permissions"}
"""Sets to which a later version adds."""


def ask(client: Client, path: str) -> Any:
    """The JSON of a GET, a list with all its pages; a file as checksum and size; a refusal as its status."""
    items: list[Any] = []
    query: dict[str, Any] = {}
    if path.endswith(LIST):
        query["limit"] = 200
    while True:
        answer = client.call("GET", path.removesuffix(LIST), query=query)
        if not answer.ok:
            return {"refused": answer.status}
        if "json" not in answer.headers.get("content-type", ""):
            return {"sha256": hashlib.sha256(answer.raw).hexdigest(), "size": len(answer.raw)}
        if not query:
            return answer.json
        items += answer.json["items"]
        if not answer.json.get("next_cursor"):
            return {"items": items}
        query["cursor"] = answer.json["next_cursor"]


def ask_all(client: Client, paths: list[str]) -> Answers:
    with ThreadPoolExecutor(ASKING) as pool:
        return dict(zip(paths, pool.map(lambda path: ask(client, path), paths), strict=True))


# -- comparison ------------------------------------------------------------------------------------------------------
def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Everything that was told and is not told any more, or says something else."""
    for path, answer in then.items():
        if "refused" in now[path]:
            yield f"{path}: refused with {now[path]['refused']}"
            continue
        changed = next((names for beginning, names in CHANGED_BY_UPGRADE.items() if path.startswith(beginning)), set())
        told = _members(answer, now[path], path, grows=path.startswith(GROWING))
        yield from (one for one in told if one.partition(": ")[0].rpartition(" ")[2] not in changed)


def _compare(then: Any, now: Any, where: str, grows: bool = False) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        yield from _members(then, now, where, grows)
    elif isinstance(then, list) and isinstance(now, list):
        yield from _items(then, now, where, grows)
    elif then != now or type(then) is not type(now):
        yield f"{where}: was {then!r}, is {now!r}"


def _members(then: dict[str, Any], now: dict[str, Any], where: str, grows: bool) -> Iterator[str]:
    for name in then.keys() - OF_THE_PRODUCT:
        if name not in now:
            yield f"{where}: lost {name} {then[name]!r}"
        elif name in OPEN:
            yield from (f"{where}: {name} lost {one}" for one in then[name] if one not in now[name])
        else:
            yield from _compare(then[name], now[name], f"{where} {name}", grows)


def _tells_apart(name: str, items: list[Any]) -> bool:
    return all(isinstance(one, dict) and name in one for one in items) and len({one[name] for one in items}) == len(items)


def _items(then: list[Any], now: list[Any], where: str, grows: bool) -> Iterator[str]:
    """Documents by their id, code or kind in any order, anything else by its place."""
    key = next((name for name in KEYS if _tells_apart(name, then) and _tells_apart(name, now)), None)
    if key:
        found = {one[key]: one for one in now}
        for one in then:
            if one[key] not in found:
                yield f"{where}: lost {one}"
            else:
                yield from _compare(one, found[one[key]], f"{where} {one[key]}")
        known = {one[key] for one in then}
        yield from (f"{where}: was without {one}" for one in now if one[key] not in known and not grows)
        return
    if len(then) > len(now) or (len(then) < len(now) and not grows):
        yield f"{where}: were {len(then)}, are {len(now)}: {now}"
    for place, (one, other) in enumerate(zip(then, now, strict=False)):
        yield from _compare(one, other, f"{where} [{place}]")
