"""What the gateway tells the services about parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chassis.domain.events import event


@event("aftersales.gateway.parameter.changed.v1")
@dataclass(frozen=True, slots=True)
class ParameterChanged:
    key: str
    value: Any
