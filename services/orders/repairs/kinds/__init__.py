"""Kinds of orders (类型): what may be done with one says its kind's transition table. A kind more is a module with its table here,
and its word in the contract."""

from __future__ import annotations

from chassis.domain.machine import Machine
from services.orders.repairs.kinds.quick_job import QUICK_JOB as QUICK_JOB
from services.orders.repairs.kinds.repair import REPAIR

KINDS: dict[str, Machine] = {"repair": REPAIR, "quick_job": QUICK_JOB}
