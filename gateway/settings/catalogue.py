"""The catalogue of parameters: which there are, of which type and range, and what ships."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from chassis.domain.principal import HEADQUARTERS, Principal
from chassis.http.validation import compiled, violations

SETS = "gateway.parameter.update"


@dataclass(frozen=True)
class Definition:
    """One parameter as it ships. ``schema`` is the JSON Schema of its value."""

    key: str
    schema: dict[str, Any]
    default: Any
    zh: str
    en: str
    security: bool = False
    """How people sign in everywhere: set at headquarters only, though others may have the right to set parameters."""
    waits: str = ""
    """The function (docs/functions.md) that will read it, where nothing does yet."""
    secret: bool = False
    """Told to nobody but whoever may set it: no other service, no history, no audit log."""
    claims: str = ""
    """A member of the value that no other parameter may have, or ever have had: what it made may still exist."""

    def may_be_set_by(self, principal: Principal) -> bool:
        return principal.may(SETS) and (not self.security or HEADQUARTERS.startswith(principal.scope))

    @cached_property
    def _validator(self) -> jsonschema_rs.Draft202012Validator:
        return compiled(self.schema)

    def refusals(self, value: Any) -> list[dict[str, str]]:
        """Why the value does not fit: {"field", "code"} below ``value``; empty when it fits."""
        if isinstance(value, bool) and self.schema["type"] in ("number", "integer"):
            return [{"field": "value", "code": "wrong_type"}]
        found = violations(self._validator, value)
        return [{**one, "field": ".".join(filter(None, ("value", one["field"])))} for one in found]


@cache
def definitions() -> dict[str, Definition]:
    """All that parameters.yaml holds, by key, in its order."""
    raw = yaml.safe_load((Path(__file__).parent / "parameters.yaml").read_text(encoding="utf-8"))
    return {key: Definition(key, **rest) for key, rest in raw.items()}


@cache
def catalogue() -> dict[str, Definition]:
    """The parameters there are: those that something reads."""
    return {key: definition for key, definition in definitions().items() if not definition.waits}
