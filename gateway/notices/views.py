"""Notices as documents."""

from __future__ import annotations

from typing import Any

from gateway.notices.notice import Notice
from gateway.notices.texts import say

SHOWN = ("id", "kind", "subject_type", "subject_id", "created_at", "read_at")


def notice(found: Notice, language: str) -> dict[str, Any]:
    return {**{name: getattr(found, name) for name in SHOWN}, "summary": say(found.kind, found.data, language)}
