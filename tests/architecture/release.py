"""Lists event schemas as released (`python -m tests.architecture.release`): new ones are added, listed ones are kept, so a
changed schema still fails its test."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("released-schemas.sha256")


def main() -> None:
    lines = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
    released = dict(reversed(line.split("  ", 1)) for line in lines)
    for path in sorted((ROOT / "contracts").glob("*/events/*.json")):
        released.setdefault(str(path.relative_to(ROOT)), hashlib.sha256(path.read_bytes()).hexdigest())
    LIST.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(released.items())), encoding="utf-8")


if __name__ == "__main__":
    main()
