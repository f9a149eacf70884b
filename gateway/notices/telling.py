"""How somebody is told of a fact: a row for each recipient and a word in his stream, in the transaction of the fact."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from chassis.db.rows import dumps
from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from gateway.identity import Person
from gateway.streams import StreamEvent, append

MOST = 200
"""Recipients of one fact."""
# In the order of names, so that two who tell the same wait for each other instead of dying together.
_TELL = text("""
    INSERT INTO notices (id, key, recipient, org_path, kind, subject_type, subject_id, data, created_at)
    SELECT id, :key, recipient, path, :kind, :subject_type, :subject_id, cast(:data AS jsonb), :now
    FROM unnest(cast(:ids AS uuid[]), cast(:recipients AS text[]), cast(:paths AS text[])) t (id, recipient, path) ORDER BY recipient
    ON CONFLICT (key, recipient) DO NOTHING RETURNING id, recipient, org_path
""")


@dataclass(frozen=True, slots=True)
class Subject:
    """The document that a notice is about, which it opens: ``work_order``, ``follow_up``, ``hand_over_slip``, ``customer``, ``webhook``."""

    type: str
    id: uuid.UUID


def tell(uow: UnitOfWork, key: str, kind: str, subject: Subject, recipients: Sequence[Person], data: dict[str, Any]) -> int:
    """How many are told now: the first ``MOST``, and nobody twice of the same ``key``. ``kind`` has its words in texts.yaml, which name
    members of ``data``; those hold no personal data. Each is told in the stream too, as ``notice`` with {id, kind, subject_type, subject_id}."""
    some = recipients[:MOST]
    if not some:
        return 0
    uow.locking = True  # whoever tells the same is waited for
    told = uow.rows(
        _TELL,
        {
            "key": key, "kind": kind, "subject_type": subject.type, "subject_id": subject.id, "data": dumps(data), "now": uow.now,
            "ids": [new_id() for _ in some], "recipients": [one.username for one in some], "paths": [one.org_path for one in some],
        },
    )  # fmt: skip
    for row in told:
        shown = {"id": str(row.id), "kind": kind, "subject_type": subject.type, "subject_id": str(subject.id)}
        append(
            uow,
            StreamEvent(
                org_path=row.org_path, held_path=None, bound_path=None, kind="notice", subject=row.id, version=1,
                audience=row.recipient, customer_id=None, dealer_id=None, data=shown,
            ),
        )  # fmt: skip
    return len(told)
