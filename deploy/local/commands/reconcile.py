"""Checks the invariants across services and names every document that breaks one. Works with the suite up or down."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

import psycopg2

from contracts import reconcile
from deploy.local.suite import Refused, Suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    parser.add_argument("--wait", type=float, default=30.0, metavar="S", help="seconds an offender must last (default 30)")


def run(arguments: argparse.Namespace) -> int:
    """0 all invariants hold, 1 each offender is named, 2 could not check."""
    if arguments.wait < 0:
        raise Refused("--wait takes seconds")
    try:
        with Suite.open(arguments.data) as suite:
            report = reconcile.examine(
                suite.databases, wait=arguments.wait, live=suite.base_url is not None, progress=_progress
            )
    except psycopg2.Error as error:
        raise Refused(f"could not check: {str(error).strip()}") from None
    if arguments.json:
        print(json.dumps(_document(report), ensure_ascii=False, indent=1))
    else:
        _print(report)
    return 1 if report.offenders else 0


def _progress(offenders: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{offenders} to look at again … ", end="", file=sys.stderr, flush=True)


def _document(report: reconcile.Report) -> dict[str, object]:
    return {
        "invariants": {number: name for number, (name, _) in reconcile.CHECKS.items()},
        "offenders": [_shown(offender) for offender in report.offenders],
        "pending": [_shown(offender) for offender in report.pending],
        "seconds": round(report.seconds, 1),
    }


def _shown(offender: reconcile.Offender) -> dict[str, object]:
    return {**asdict(offender), "name": reconcile.CHECKS[offender.invariant][0]}


def _print(report: reconcile.Report) -> None:
    counts = {number: 0 for number in reconcile.CHECKS}
    for offender in report.offenders:
        counts[offender.invariant] += 1
    for number, (name, _) in reconcile.CHECKS.items():
        print(f"{number}. {name}: {'holds' if not counts[number] else f'{counts[number]} offend'}")
    for offender in report.offenders:
        print(f"   {offender.invariant}  {offender.document}: {offender.detail}")
    if report.pending:
        print(f"{len(report.pending)} documents have events on their way and are not judged")
