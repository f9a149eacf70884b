"""Installed devices (产品档案) and the warranty decision: the face other contexts may use."""

from services.orders.devices.device import Device, of_serial
from services.orders.devices.warranty import Coverage, Decision, Exclusion, Stay, Term, decide

__all__ = ["Coverage", "Decision", "Device", "Exclusion", "Stay", "Term", "decide", "of_serial"]
