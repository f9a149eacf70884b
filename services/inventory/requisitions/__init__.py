"""Requisitions (领料单): what work orders need from the store. The face of this context."""

from services.inventory.requisitions.follow import serve

__all__ = ["serve"]
