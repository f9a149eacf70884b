"""Words of a text as search tokens, and a typed query as conditions on them.

No extension is available on the embedded server, so the application makes the tokens: words without case and accents, runs of Chinese,
Japanese or Korean characters as bigrams, and both again over the blanks and dashes between them: ``E-12`` is ``e``, ``12`` and, with
a mark behind it, ``e12``. A token is matched by prefix with two comparisons instead of LIKE: comparisons are leakproof, so PostgreSQL
still uses the index below row-level security.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from chassis.domain.folding import spaced

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
RUN = re.compile(f"[{CJK}]+|[^\\W_{CJK}]+")
IDEOGRAPH = re.compile(f"[{CJK}]")
MAX_TOKEN = 64
JOINED = " "
"""Behind a token that was two words: as a beginning it is found like a word, as a word it is none."""
GAP = " -"
MOST_WAYS = 8


@dataclass(frozen=True, slots=True)
class Word:
    """A token begins so; ``whole``: it is this word."""

    text: str
    whole: bool = False


Chain = list[tuple[str, bool]]
"""Runs that only blanks and dashes part, each with whether it follows on a dash."""


def tokens(text: str) -> set[str]:
    """Tokens stored for a text. The last character of a run stands alone too, so that a single one finds it."""
    found: set[str] = set()
    for chain in _chains(text):
        for run, _ in chain:
            if IDEOGRAPH.match(run):
                found.update(run[i : i + 2] for i in range(len(run)))
            else:
                found.add(run[:MAX_TOKEN])
        found.update(_over_gaps(chain))
    return found


def wanted(query: str) -> list[list[Word]]:
    """Ways to fulfil a query, each of words that must all be found: whole words and the bigrams of longer runs, as they are typed;
    or two neighbours written as one word."""
    chains = _chains(query)
    typed = sorted({word for chain in chains for run, _ in chain for word in _asked(run)})
    if not typed:
        return []
    ways = [[Word(word) for word in typed]]
    for before, after, as_one in _neighbours(chains):
        others = [Word(word) for word in typed if word not in (before, after)]
        ways.append([Word(as_one, whole=True), *others])
    return ways[:MOST_WAYS]


def _chains(text: str) -> list[Chain]:
    plain = spaced(text)
    chains: list[Chain] = []
    end = 0
    for run in RUN.finditer(plain):
        between = plain[end : run.start()]
        if chains and not between.strip(GAP):
            chains[-1].append((run[0], " " not in between))
        else:
            chains.append([(run[0], False)])
        end = run.end()
    return chains


def _over_gaps(chain: Chain) -> Iterator[str]:
    """What stands on both sides of a blank or dash, and all that hangs together by dashes, as if those were not there."""
    for (before, _), (after, _) in pairwise(chain):
        if IDEOGRAPH.match(before) and IDEOGRAPH.match(after):
            yield before[-1] + after[0]
        elif not IDEOGRAPH.match(before) and not IDEOGRAPH.match(after):
            yield (before + after)[:MAX_TOKEN] + JOINED
    start = 0
    for end in range(1, len(chain) + 1):
        if end == len(chain) or not chain[end][1]:
            if end - start > 2 and not any(IDEOGRAPH.match(run) for run, _ in chain[start:end]):
                yield "".join(run for run, _ in chain[start:end])[:MAX_TOKEN] + JOINED
            start = end


def _neighbours(chains: list[Chain]) -> Iterator[tuple[str, str, str]]:
    """Two words and what they are as one."""
    for chain in chains:
        for ideographs, runs in groupby((run for run, _ in chain), lambda run: bool(IDEOGRAPH.match(run))):
            for before, after in pairwise(runs) if not ideographs else ():
                yield before[:MAX_TOKEN], after[:MAX_TOKEN], (before + after)[:MAX_TOKEN]


def _asked(run: str) -> Iterator[str]:
    if IDEOGRAPH.match(run) and len(run) > 1:
        yield from (run[i : i + 2] for i in range(len(run) - 1))
    else:
        yield run[:MAX_TOKEN]
