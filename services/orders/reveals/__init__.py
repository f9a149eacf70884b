"""Showing the customer's number to who works on his order (C-04), each time written down."""
