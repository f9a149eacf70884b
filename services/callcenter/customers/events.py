"""Events published about customers."""

from dataclasses import dataclass
from datetime import datetime

from chassis.domain.events import event


@event("aftersales.callcenter.customer.created.v1")
@dataclass(frozen=True, slots=True)
class CustomerCreated:
    name: str
    phones: list[str]


@event("aftersales.callcenter.customer.changed.v1")
@dataclass(frozen=True, slots=True)
class CustomerChanged:
    name: str
    phones: list[str]


@event("aftersales.callcenter.customer.erased.v1")
@dataclass(frozen=True, slots=True)
class CustomerWasErased:
    """``name`` is what stands in its place from now on."""

    name: str
    phones: list[str]
    erased_at: datetime
