"""The ring of this process: the file that ``AFTERSALES_KEYRING`` names, read again when it was turned."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from chassis.crypto.ring import Ring, RingError
from chassis.ops.settings import settings

LOOK_EVERY = 1.0
"""Seconds after which a process notices that the ring was turned; a key it does not know makes it look at once."""


class Source:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[tuple[int, int, int], Ring] | None = None
        self._looked = 0.0

    def ring(self, anew: bool) -> Ring:
        read = self._read
        if read is not None and not anew and monotonic() - self._looked < LOOK_EVERY:
            return read[1]
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if read is None or read[0] != stamp:
                read = (stamp, Ring.parse(self.path.read_text(encoding="utf-8")))
        except OSError as error:
            if read is None:
                raise RingError(f"the key ring {self.path} cannot be read: {error.strerror}") from None
        self._read, self._looked = read, monotonic()
        return read[1]


_named: Source | None = None
_source: Source | None = None


def use(path: Path | None) -> None:
    """For commands that find the ring themselves: from now on this file, whatever the environment says. None: as it says."""
    global _named
    _named = Source(path) if path else None


def ring(*, anew: bool = False) -> Ring:
    """The ring as it is now. Raises RingError when there is none."""
    global _source
    source = _named
    if source is None:
        named = settings().keyring
        if not named:
            raise RingError("AFTERSALES_KEYRING is not set: the path of the key ring")
        if _source is None or str(_source.path) != named:
            _source = Source(Path(named))
        source = _source
    return source.ring(anew)
