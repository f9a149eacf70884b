"""Revisits (回访): the face of this context."""
