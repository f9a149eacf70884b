"""Run all tests, on what is embedded and, where they answer, on real PostgreSQL and RabbitMQ too.

`test` first checks the code (ruff, mypy, import rules). `test fast` is for while typing: only the embedded suite, no long
stories; `test --long` is what is run before a release: every story on both, the promised sizes. All three run three tests at a time.
Everything else on the command line goes to pytest, and then only the tests asked for are
run, one at a time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LANES = ["-n", "3", "--dist", "loadscope", "--no-loadscope-reorder"]
"""Three tests at a time, on however many cores: they wait about as often as they compute. Which belong together is said in
tests/support/lanes.py."""
SLOWEST = ["--durations=25"]
"""Said at the end of a whole run: what the next landing makes faster."""
CHECKS = {
    "ruff": ["ruff", "check", "."],
    "mypy": ["mypy"],
    "import rules": ["lint-imports", "--no-logo"],
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.usage = "aftersales test [fast | --long] [ARGS of pytest]"


def run(arguments: argparse.Namespace) -> int:
    """pytest's exit code; 1 when only a check of the code failed."""
    selected = ["--fast", *arguments.rest[1:]] if arguments.rest[:1] == ["fast"] else arguments.rest
    whole = selected in ([], ["--fast"], ["--long"])
    failed = [name for name, command in CHECKS.items() if whole and not _passes(name, command)]
    of_whole = [*LANES, *SLOWEST] if whole else []
    code = subprocess.call([sys.executable, "-P", "-m", "pytest", *of_whole, *selected], cwd=ROOT, env=_environment())
    if failed:
        print(f"failed before the tests: {', '.join(failed)}", file=sys.stderr)
    return code or (1 if failed else 0)


def _environment() -> dict[str, str]:
    """Compiled code is kept, also where the caller's environment says not to: the hundreds of processes that tests start would each
    compile the product again, and each worker all the tests."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def program_of(command: list[str]) -> Path:
    """Where a check's program lies: beside the interpreter that runs us."""
    return Path(sys.executable).parent / command[0]


def _passes(name: str, command: list[str]) -> bool:
    began = time.monotonic()
    done = subprocess.run(
        [str(program_of(command)), *command[1:]], cwd=ROOT, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    print(f"{name}: {'passed' if done.returncode == 0 else 'FAILED'} ({time.monotonic() - began:.1f} s)", flush=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0
