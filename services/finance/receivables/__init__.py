"""Receivables (应收): money received and paid back, and what it settles (F-20 … F-32)."""
