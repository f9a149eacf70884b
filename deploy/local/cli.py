"""``./aftersales``: one small module per command in ``deploy/local/commands``, and ``bench`` beside the product.

A command module has ``configure(parser)`` (argparse) and ``run(arguments) -> int`` (the exit code); its docstring's
first line is the help. ``arguments.data`` is the ``DataFolder`` (``data_given``: named by the user). Raise ``Refused``
to say why and exit 2.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from pathlib import Path

from deploy.local.folder import DataFolder, FolderInUse
from deploy.local.postgres import PostgresError
from deploy.local.suite import Refused

ROOT = Path(__file__).resolve().parents[2]

BENCH = "bench.command"
"""Beside the product, and not in its image: it tells the tests' stories."""
COMMANDS = {
    "up": "up", "down": "down", "status": "status", "test": "test", "import": "import_ords", "reconcile": "reconcile",
    "bench": BENCH, "parked": "parked", "migrate": "migrate", "unlock": "unlock", "let-in": "let_in", "backup": "backup", "restore": "restore",
    "init": "init", "rotate-keys": "rotate_keys", "audit-dependencies": "audit_dependencies",
}
HELP = {
    "up": "start the whole suite", "down": "stop a detached suite", "status": "one line for each process",
    "test": "run all tests", "import": "load history (import ords FILE)", "reconcile": "check the invariants",
    "bench": "benchmarks", "parked": "parked events", "migrate": "schema to current", "unlock": "lift the lock of a user", "let-in": "let an administrator in again, whatever shut him out",
    "backup": "save everything into one file", "restore": "put a backup in its place", "init": "make an empty suite",
    "rotate-keys": "seal personal data under a new key", "audit-dependencies": "known vulnerabilities of what we are built on",
}


def main(given: list[str] | None = None) -> int:
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries about other libraries: nothing that who types a command can change
    # ``--data`` is taken out first: it may stand anywhere, also behind a command's own sub-commands.
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--data", type=Path)
    shared, given = common.parse_known_args(sys.argv[1:] if given is None else given)
    parser = argparse.ArgumentParser(
        prog="aftersales", description="After-sales service suite (售后服务管理平台)",
        epilog="Every command takes --data DIR, the data folder of the suite (default: .data beside this program).",
    )
    folder = DataFolder(shared.data or ROOT / ".data")
    choices = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = next((word for word in given if not word.startswith("-")), None)
    if asked == "up":  # before anything imports them: the metrics of a suite's processes are merged through files
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.metrics)
    for name, module in COMMANDS.items():
        command = choices.add_parser(name, help=HELP[name], epilog=parser.epilog)
        if name == asked == "bench" and not (ROOT / "bench").is_dir():
            print("aftersales bench: this installation has no benchmarks", file=sys.stderr)
            return 2
        if name == asked:  # only the module of the command that is asked for is imported
            loaded = importlib.import_module(module if module == BENCH else f"deploy.local.commands.{module}")
            command.description = loaded.__doc__
            loaded.configure(command)
            command.set_defaults(run=loaded.run)
    rest = given[given.index("test") + 1:] if asked == "test" else []  # pytest's, all but a cry for help
    arguments = parser.parse_args(given if rest in (["-h"], ["--help"]) else given[:len(given) - len(rest)])
    arguments.rest = rest
    arguments.data_given = shared.data is not None
    arguments.data = folder
    try:
        return int(arguments.run(arguments))
    except (Refused, FolderInUse, PostgresError) as error:
        print(f"aftersales {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


if __name__ == "__main__":
    sys.exit(main())
