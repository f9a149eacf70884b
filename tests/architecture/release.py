"""The event schemas as they were released (`python -m tests.architecture.release` writes them down anew), and what may differ
from them: a newer release adds optional members, verbs, and values of open sets, so that whoever reads the older ones keeps
working. Everything else is a new version beside the old one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chassis.events import schemas

RELEASED = Path(__file__).with_name("released-events.json")
SAYS_NOTHING = {"description", "title", "examples", "x-verbs", "x-open", "$schema"}
"""Keywords that a reader's program does not depend on; verbs and open sets are looked at by name."""

Schema = dict[str, Any]


def current() -> dict[str, Schema]:
    return {state: _bare(schemas.schema(state)) for state in sorted(schemas.states()) if ".shop." not in state}


def _bare(schema: Schema) -> Schema:
    verbs = sorted(schema["x-verbs"])
    return {**_plain(schema), "x-verbs": verbs}


def _plain(node: Any, names: bool = False) -> Any:
    """Without words. ``names``: the keys are names of members."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    left_out = set() if names else SAYS_NOTHING - {"x-open"}
    return {key: _plain(value, key == "properties") for key, value in node.items() if key not in left_out}


def breaks(old: Schema, new: Schema, at: str = "") -> Iterator[str]:
    """What a reader of the old schema could not take of the new one's events."""
    if lost := set(old.get("x-verbs", ())) - set(new.get("x-verbs", ())):
        yield f"{at or '(whole)'}: no more verb {', '.join(sorted(lost))}"
    yield from _members(old, new, at)
    if "items" in old:
        yield from breaks(old["items"], new.get("items", {}), f"{at}[]")
    for position, (one, other) in enumerate(zip(old.get("oneOf", ()), new.get("oneOf", ()), strict=False)):
        yield from breaks(one, other, f"{at}|{position}")
    yield from _values(old, new, at)
    looked_at = {"properties", "required", "items", "enum", "oneOf", *SAYS_NOTHING}
    for keyword in sorted((set(old) | set(new)) - looked_at):
        if old.get(keyword) != new.get(keyword):
            yield f"{at or '(whole)'}: another {keyword}"
    if len(old.get("oneOf", ())) != len(new.get("oneOf", ())):
        yield f"{at or '(whole)'}: another oneOf"


def _members(old: Schema, new: Schema, at: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, schema in before.items():
        where = f"{at}.{name}".lstrip(".")
        if name not in after:
            yield f"{where}: gone"
            continue
        if name in old.get("required", ()) and name not in new.get("required", ()):
            yield f"{where}: not always there any more"
        yield from breaks(schema, after[name], where)
    for name in sorted((set(after) - set(before)) & set(new.get("required", ()))):
        yield f"{at}.{name}".lstrip(".") + ": a new member that events on their way do not have cannot be required"


def _values(old: Schema, new: Schema, at: str) -> Iterator[str]:
    before, after = old.get("enum"), new.get("enum")
    if (before is None) != (after is None) or (old.get("x-open", False) and not new.get("x-open", False)):
        yield f"{at}: another set of values"
    elif before is not None and after is not None:
        if lost := [value for value in before if value not in after]:
            yield f"{at}: no more {lost}"
        if not old.get("x-open") and (added := [value for value in after if value not in before]):
            yield f"{at}: {added} in a set that is not open"


def main() -> None:
    text = json.dumps(current(), ensure_ascii=False, indent=1, sort_keys=True)
    RELEASED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
