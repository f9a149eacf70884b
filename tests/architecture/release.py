"""Lists event schemas as released (`python -m tests.architecture.release`): new ones are added, listed ones are kept, so a
changed schema still fails its test.

``--anew`` forgets what was listed. Nobody has a release yet, so schemas still change in place: what must then be true is that the
events which wait in a data folder of the version before can be read (a migration carries them, or the member is optional)."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("released-schemas.sha256")


def main() -> None:
    kept = LIST.exists() and "--anew" not in sys.argv
    lines = LIST.read_text(encoding="utf-8").splitlines() if kept else []
    released = dict(reversed(line.split("  ", 1)) for line in lines)
    for path in sorted((ROOT / "contracts").glob("*/events/*.json")):
        released.setdefault(str(path.relative_to(ROOT)), hashlib.sha256(path.read_bytes()).hexdigest())
    LIST.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(released.items())), encoding="utf-8")


if __name__ == "__main__":
    main()
