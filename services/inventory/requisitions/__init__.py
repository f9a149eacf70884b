"""Requisitions (领料单): what is asked of the store. The face of this context."""

from services.inventory.requisitions.loading import serve

__all__ = ["serve"]
