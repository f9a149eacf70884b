"""Hold every package of requirements.lock against PyPI's list of known vulnerabilities, and every licence against ours.

Exit code: 0 nothing is known against any of them, 1 something is (or a licence is not acceptable), 2 the lock cannot be used,
3 not all could be asked about: then nothing is said of their being safe.
"""

from __future__ import annotations

import argparse
import sys

from deploy.local import dependencies
from deploy.local.cli import ROOT
from deploy.local.suite import Refused

SOURCE = "https://pypi.org/pypi"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", default=SOURCE, metavar="URL", help=f"PyPI's JSON API or a mirror that has it (default {SOURCE})")
    parser.add_argument("--licences", action="store_true", help="only print the table of licences")


def run(arguments: argparse.Namespace) -> int:
    try:
        packages = dependencies.pinned((ROOT / "requirements.lock").read_text())
        licences = dependencies.licences(packages)
    except (OSError, ValueError, dependencies.metadata.PackageNotFoundError) as error:
        raise Refused(f"requirements.lock: {error}") from error
    if arguments.licences:
        print("\n".join(f"| {name} | {licence} |" for name, licence in licences.items()))
        return 0
    unfit = [f"{name}: licence {licence}" for name, licence in licences.items() if not dependencies.acceptable(licence)]
    try:
        findings = dependencies.audit(packages, arguments.source.rstrip("/"))
    except dependencies.SourceSilent as error:
        findings = dependencies.Findings(unasked=list(packages))
        print(f"{arguments.source} cannot be used: {error}", file=sys.stderr)
    lines = [f"{package}: {line}" for package, known in findings.known.items() for line in known]
    asked = len(packages) - len(findings.unasked)
    print("\n".join([*unfit, *lines, f"{asked} of {len(packages)} packages asked about" + (f", {len(lines)} vulnerabilities known" if asked else "")]))
    if findings.unasked:
        shown = findings.unasked if len(findings.unasked) < len(packages) else ["all of them"]
        print(f"NOT AUDITED: {', '.join(shown)}", file=sys.stderr)
    return 1 if lines or unfit else 3 if findings.unasked else 0
