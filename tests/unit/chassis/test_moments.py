"""Points in time that callers write: what the format allows and PostgreSQL or a calendar does not is told, not failed on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chassis.domain.moments import is_moment, moment
from chassis.http.validation import compiled, violations


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22t10:00:00.25z", datetime(2026, 11, 22, 10, 0, 0, 250000, tzinfo=UTC)),
        ("2026-11-22T18:00:00+08:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00+23:59", datetime(2026, 11, 21, 10, 1, tzinfo=UTC)),
        ("1401-05-23T22:38:42+18:08", datetime(1401, 5, 23, 4, 30, 42, tzinfo=UTC)),
    ],
)
def test_told_in_utc(text: str, meant: datetime) -> None:
    assert moment(text) == meant and moment(text).utcoffset() == meant.utcoffset()


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-22", "2026-11-22T10:00:00", "20261122T100000Z", "2026-11-22T10:00:60Z", "2026-02-30T10:00:00Z",
        "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "２026-11-22T10:00:00Z", "2026-11-22T10:00:00Z\n",
        "0000-01-01T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T10:00:00+24:00", "2026-11-22T10:00:00-08:60",
    ],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert not is_moment(text)
    assert violations(compiled({"type": "string", "format": "date-time"}), text) == [{"field": "", "code": "bad_format"}]
