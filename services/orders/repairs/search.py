"""Words of a text as search tokens, and a typed query as ranges over them.

No extension is available on the embedded server, so the application makes the tokens: words without case and accents, runs of Chinese,
Japanese or Korean characters as bigrams, and both again over the blanks and dashes between them: ``E-12`` is ``e``, ``12`` and
``e12``. A token is matched by prefix with two comparisons instead of LIKE: comparisons are leakproof, so PostgreSQL still uses the
index below row-level security.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, pairwise

from chassis.domain.folding import bare, is_dash, is_invisible

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
RUN = re.compile(f"[{CJK}]+|[^\\W_{CJK}]+")
IDEOGRAPH = re.compile(f"[{CJK}]")
MAX_TOKEN = 64


def tokens(text: str) -> set[str]:
    """Tokens stored for a text. The last character of a run stands alone too, so that a single one finds it."""
    found: set[str] = set()
    for chain in _chains(text):
        for run in chain:
            if IDEOGRAPH.match(run):
                found.update(run[i : i + 2] for i in range(len(run)))
            else:
                found.add(run[:MAX_TOKEN])
        found.update(_joined(chain))
    return found


def wanted(query: str) -> list[list[str]]:
    """Prefixes to be found for a query, in one way or another: all whole words and the bigrams of longer runs; or the words as one,
    where they may have been written so."""
    chains = _chains(query)
    apart = sorted({word for chain in chains for run in chain for word in _asked(run)})
    if not apart:
        return []
    as_one = sorted({word for chain in chains for word in _as_one(chain)})
    return [apart] if as_one == apart else [apart, as_one]


def _chains(text: str) -> list[list[str]]:
    """Runs, those together that only blanks and dashes part."""
    plain = "".join(sign for sign in bare(text) if not is_invisible(sign))
    chains: list[list[str]] = []
    end = 0
    for run in RUN.finditer(plain):
        between = plain[end : run.start()]
        if chains and all(sign.isspace() or is_dash(sign) for sign in between):
            chains[-1].append(run[0])
        else:
            chains.append([run[0]])
        end = run.end()
    return chains


def _joined(chain: list[str]) -> Iterator[str]:
    """What stands on both sides of a blank or dash, as if that were not there."""
    for before, after in pairwise(chain):
        if IDEOGRAPH.match(before) and IDEOGRAPH.match(after):
            yield before[-1] + after[0]
        elif not IDEOGRAPH.match(before) and not IDEOGRAPH.match(after):
            yield (before + after)[:MAX_TOKEN]


def _as_one(chain: list[str]) -> Iterator[str]:
    """Neighbouring words as one; runs of ideographs are found over blanks as they are."""
    for ideographs, runs in groupby(chain, lambda run: bool(IDEOGRAPH.match(run))):
        for run in runs if ideographs else ["".join(runs)]:
            yield from _asked(run)


def _asked(run: str) -> Iterator[str]:
    if IDEOGRAPH.match(run) and len(run) > 1:
        yield from (run[i : i + 2] for i in range(len(run) - 1))
    else:
        yield run[:MAX_TOKEN]
