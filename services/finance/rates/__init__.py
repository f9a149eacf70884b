"""Labour rates (工时费率): the face of this context."""
