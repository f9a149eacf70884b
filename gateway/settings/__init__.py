"""Parameters of the whole company (系统参数, G-16): the face of this context."""

from gateway.settings.catalogue import catalogue, definitions
from gateway.settings.usecases import ship, value

__all__ = ["catalogue", "definitions", "ship", "value"]
