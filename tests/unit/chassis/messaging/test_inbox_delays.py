from __future__ import annotations

from chassis.messaging import inbox


def test_delays_double_up_to_ten_minutes() -> None:
    for attempts in range(1, 40):
        least = min(600.0, 0.2 * 2 ** (attempts - 1))
        assert least <= inbox.delay(attempts) <= least * 1.25
    assert len({inbox.delay(5) for _ in range(10)}) > 1, "crowds part"
