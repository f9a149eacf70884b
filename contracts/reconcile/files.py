"""8. Every attachment is whole: its pieces follow one another and add up to its size. Deleted ones too: deleting is a mark."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources

KEEPERS = ("orders",)
"""Services that keep files."""
FILES = "SELECT id::text, name, size::bigint, owner_id::text FROM attachments ORDER BY id::text"
PIECES = """SELECT attachment_id::text, sum(octet_length(content))::bigint, count(*), max(number) + 1
    FROM attachment_pieces GROUP BY 1 ORDER BY 1"""


def check(sources: Sources) -> Iterator[Offender]:
    for service in KEEPERS:
        for id_, file, pieces in sources.merged((service, FILES), (service, PIECES)):
            if file is None:
                yield Offender(8, f"attachment {id_}", "has bytes but no entry", (id_,))
            elif pieces is None or pieces[0] != file[1] or pieces[1] != pieces[2]:
                held = pieces[0] if pieces else 0
                yield Offender(8, f"attachment {id_}", f"{file[0]}: {held} of {file[1]} bytes are there", (file[2],))
