"""Audit log (日志, G-19): who wrote what, from where, and how it ended. The face of this context."""

from gateway.audit.command_line import note
from gateway.audit.recorder import Recorder
from gateway.audit.trail import Trail

__all__ = ["Recorder", "Trail", "note"]
