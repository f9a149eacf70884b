"""Facts about erasures. The subject is the customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chassis.domain.events import event


@event("aftersales.orders.erasure.created.v1")
@dataclass(frozen=True, slots=True)
class ErasureCreated:
    """No document of the customer is open, and none will be opened: his personal data goes."""

    erased_at: datetime
