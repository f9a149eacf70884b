"""Parameters as documents."""

from __future__ import annotations

from typing import Any

from chassis.domain.principal import Principal
from chassis.http.views import stamps
from gateway.settings.catalogue import Definition
from gateway.settings.parameter import Parameter, ParameterChange

Document = dict[str, Any]


HIDDEN = "***"


def parameter(found: Parameter, principal: Principal) -> Document:
    definition = found.definition
    told = found.value if definition.may_be_set_by(principal) else _shown(definition, found.value)
    return {
        "id": found.id,
        "key": found.key,
        "value": told,
        "default": definition.default,
        "schema": definition.schema,
        "description_zh": definition.zh,
        "description_en": definition.en,
        **stamps(found),
    }


def change(definition: Definition, found: ParameterChange) -> Document:
    return {
        "at": found.at,
        "author": found.author,
        "before": _shown(definition, found.before["value"]),
        "after": _shown(definition, found.after["value"]),
    }


def _shown(definition: Definition, value: Any) -> Any:
    """A secret that is not what ships is told to nobody."""
    return HIDDEN if definition.secret and value != definition.default else value
