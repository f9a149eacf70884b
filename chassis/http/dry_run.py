"""Dry run (G-25): the whole use case with rights, data scope and the database's constraints, and then nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.domain.errors import ValidationFailed

HEADER = "dry-run"
MARK = "aftersales.dry_run"
"""Set in the scope of a request that is one, so that its answer, or its refusal, says so."""


def asked(headers: Mapping[str, str]) -> bool:
    """Whether the caller wants a dry run. A value that cannot be read is refused: a write must not happen by mistake."""
    given = headers.get(HEADER)
    if given is None:
        return False
    said = given.strip().lower()
    if said not in ("true", "false"):
        raise ValidationFailed.of("Dry-Run", "bad_format")
    return said == "true"
