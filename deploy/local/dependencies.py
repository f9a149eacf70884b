"""What we are built on: the packages of requirements.lock, their licences, and what is known against them."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import metadata

CANARY = ("pyyaml", "5.3.1")
"""A release that runs what it reads (CVE-2020-14343). A source that knows nothing against it knows nothing."""
SECONDS = 15.0
WORDS = {
    "apache 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0", "apache software license": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause", "bsd 2-clause license": "BSD-2-Clause", "bsd": "BSD", "bsd license": "BSD",
    "mit license": "MIT", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "python software foundation license": "PSF-2.0",
    "gnu library or lesser general public license (lgpl)": "LGPL", "lgpl with exceptions": "LGPL",
}  # fmt: skip
"""What makers write where they name no SPDX identifier."""
PERMISSIVE = {"Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"}
ACCEPTABLE = PERMISSIVE | {"MPL-2.0", "LGPL"}
"""MPL and LGPL bind whoever changes the library itself; we use these as they come."""
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+) \\\n((?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


class SourceSilent(Exception):
    """The source of knowledge cannot be had: away, refused, or answering nothing that we understand."""


@dataclass(slots=True)
class Findings:
    """``known``: package → what is known against it. ``unasked``: packages of which nothing could be learnt."""

    known: dict[str, list[str]] = field(default_factory=dict)
    unasked: list[str] = field(default_factory=list)


def canonical(name: str) -> str:
    """As package indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock: str) -> dict[str, str]:
    """Name → version of every package with one version and at least one hash. ValueError names a line that has neither."""
    for line in _PINNED.sub("", lock).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            raise ValueError(f"neither a pinned package nor its hash: {line}")
    return {canonical(name): version for name, version, _ in _PINNED.findall(lock)}


def licence(about: metadata.PackageMetadata) -> str:
    """SPDX expression where the maker gives one, else what he says in a known word; "unknown" otherwise."""
    if "License-Expression" in about:
        return str(about["License-Expression"])
    free = " ".join(" ".join(about.get_all("License") or ()).split())
    if free in ACCEPTABLE or free.lower() in WORDS:
        return WORDS.get(free.lower(), free)
    classes = [str(line).rpartition(" :: ")[2].lower() for line in about.get_all("Classifier") or () if line.startswith("License")]
    return " OR ".join(sorted({WORDS[name] for name in classes if name in WORDS})) or "unknown"


def acceptable(expression: str) -> bool:
    """Every licence it names is on the list, the alternatives too: nobody has to choose."""
    return set(re.findall(r"[\w.+-]+", expression)) - {"AND", "OR"} <= ACCEPTABLE


def licences(packages: Iterable[str]) -> dict[str, str]:
    """Name → licence of the packages, by what is installed of them."""
    return {name: licence(metadata.metadata(name)) for name in sorted(packages)}


def known_against(name: str, version: str, source: str) -> list[str]:
    """What ``source`` (PyPI's JSON API or one like it) knows against a release, a line each. SourceSilent, LookupError (no such
    release there)."""
    try:
        with urllib.request.urlopen(f"{source}/{name}/{version}/json", timeout=SECONDS) as answer:
            told = json.load(answer)["vulnerabilities"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise LookupError(name) from error
        raise SourceSilent(f"{error.code} {error.reason}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceSilent(str(error) or type(error).__name__) from error
    return [_line(one) for one in told if not one.get("withdrawn")]


def audit(packages: dict[str, str], source: str) -> Findings:
    """Asks about every package, after making sure that the source knows anything at all. SourceSilent when it does not."""
    try:
        if not known_against(*CANARY, source):
            raise SourceSilent(f"it knows nothing against {' '.join(CANARY)}, so it would know nothing against ours")
    except LookupError as error:
        raise SourceSilent(f"it does not know {' '.join(CANARY)}, so it has no list of old releases") from error
    findings = Findings()
    for name, version in packages.items():
        try:
            if lines := known_against(name, version, source):
                findings.known[f"{name} {version}"] = lines
        except (LookupError, SourceSilent):
            findings.unasked.append(f"{name} {version}")
    return findings


def _line(one: dict[str, object]) -> str:
    names = [str(one.get("id")), *(str(alias) for alias in one.get("aliases") or ())]  # type: ignore[attr-defined]
    fixed = ", ".join(str(version) for version in one.get("fixed_in") or ()) or "no release yet"  # type: ignore[attr-defined]
    return f"{' '.join(names)}: mended in {fixed}"
