"""Parts (配件档案): the face of this context."""

from services.inventory.parts.errors import PartHasMovements
from services.inventory.parts.part import Part

__all__ = ["Part", "PartHasMovements"]
