"""Words of a text as search tokens, and a typed query as ranges over them.

No extension is available on the embedded server, so the application makes the tokens: words lowercased, runs of Chinese,
Japanese or Korean characters as bigrams. A token is matched by prefix with two comparisons instead of LIKE: comparisons
are leakproof, so PostgreSQL still uses the index below row-level security.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.orders.kernel import normal

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
RUN = re.compile(f"[{CJK}]+|[^\\W_{CJK}]+")
IDEOGRAPH = re.compile(f"[{CJK}]")
MAX_TOKEN = 64


def tokens(text: str) -> set[str]:
    """Tokens stored for a text. The last character of a run stands alone too, so that a single one finds it."""
    found: set[str] = set()
    for run in RUN.findall(normal(text)):
        if IDEOGRAPH.match(run):
            found.update(run[i : i + 2] for i in range(len(run)))
        else:
            found.add(run[:MAX_TOKEN])
    return found


def wanted(query: str) -> list[str]:
    """Prefixes that must all be found for a query: whole words, and the bigrams of longer runs."""
    return sorted(set(_wanted(query)))


def _wanted(query: str) -> Iterator[str]:
    for run in RUN.findall(normal(query)):
        if IDEOGRAPH.match(run) and len(run) > 1:
            yield from (run[i : i + 2] for i in range(len(run) - 1))
        else:
            yield run[:MAX_TOKEN]
