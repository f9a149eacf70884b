"""Named instants at which a fault campaign may kill, stop or break a process; armed by the environment alone, and free of cost unless armed.

``AFTERSALES_FAILPOINTS`` names a folder. A file in it, named after a point, says what the next process that comes by does, once: ``kill``,
``stop`` (SIGSTOP, until somebody continues it), ``pause SECONDS`` or ``raise``; a second line must be contained in what the point says of
itself. The process renames the file to ``<point>.taken`` and writes its pid and name there."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

FOLDER = os.environ.get("AFTERSALES_FAILPOINTS", "")

POINTS = {
    "uow.commit": "all is ready to be committed (database, user)",
    "uow.committed": "committed, nobody has been told (database, user)",
    "inbox.handling": "handlers have run, nothing is committed (service, event type)",
    "inbox.handled": "effects are committed, the event is not acknowledged (service, event type)",
    "relay.published": "handed to the broker, not confirmed (type of the first event)",
    "relay.confirmed": "confirmed by the broker, not marked as sent (service)",
    "courier.between": "one listening service has the event, the next has not (event type)",
    "courier.delivered": "all listening services have the events, they are not marked as sent (service)",
    "webhook.answered": "a webhook's receiver has answered, nothing is written down (delivery)",
    "gateway.answered": "the service has answered, the caller has not been told (method, path)",
}


class Broken(Exception):
    """Raised at a point that was told to."""


def hit(point: str, *details: object) -> None:
    """The process is at ``point``; ``details`` is what may be asked for in the file's second line."""
    if FOLDER:
        _obey(point, details)


def _obey(point: str, details: tuple[object, ...]) -> None:
    armed = Path(FOLDER, point)
    try:
        order, wanted, *_ = [*armed.read_text().splitlines(), "", ""]
        if wanted not in " ".join(map(str, details)):
            return
        mine = armed.with_name(f"{point}.{os.getpid()}")
        armed.rename(mine)  # of several that come by together one takes it
    except OSError:
        return
    mine.write_text(f"{os.getpid()} {' '.join(map(str, details))}")
    mine.rename(armed.with_name(f"{point}.taken"))
    verb, _, seconds = order.partition(" ")
    if verb in ("kill", "stop"):
        os.kill(os.getpid(), signal.SIGKILL if verb == "kill" else signal.SIGSTOP)
    elif verb == "pause":
        time.sleep(float(seconds))
    elif verb == "raise":
        raise Broken(point)


def arm(folder: Path, point: str, order: str, wanted: str = "") -> None:
    """For campaigns: the next process at ``point`` (that tells ``wanted``) obeys ``order``."""
    if point not in POINTS:
        raise ValueError(point)
    with suppress(FileNotFoundError):
        (folder / f"{point}.taken").unlink()
    new = folder / f".{point}"
    new.write_text(f"{order}\n{wanted}\n")
    new.rename(folder / point)


def taken(folder: Path, point: str) -> int | None:
    """The pid of the process that obeyed, None as long as none did."""
    try:
        return int((folder / f"{point}.taken").read_text().split()[0])
    except FileNotFoundError:
        return None


def disarm(folder: Path, point: str) -> bool:
    """Takes the order back; False when somebody was faster."""
    try:
        (folder / point).unlink()
    except FileNotFoundError:
        return False
    return True
