"""The stream is no request with one answer: gateway/front.py serves it from gateway/streams/feed.py."""

from __future__ import annotations

from chassis.domain.errors import Unavailable


def me() -> None:
    """Reached only when the application runs without the gateway's front."""
    raise Unavailable("streams are served by the gateway's front")
