"""Document numbers (R-01): prefix + YYMM + sequence of at least 4 digits, per prefix and month, no holes."""

from __future__ import annotations

from datetime import date


def series(prefix: str, day: date) -> str:
    """Counter key of a day: ``RE2611``."""
    return f"{prefix}{day:%y%m}"


def format_number(series_key: str, sequence: int) -> str:
    """``RE2611`` and 1 give ``RE26110001``; a fifth digit appears when needed."""
    return f"{series_key}{sequence:04d}"
