"""Inventory: parts, the stock ledger, and what leaves and re-enters the store for a work order."""
