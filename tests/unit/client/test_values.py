"""Times from other people's clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ringchat_client.values import time_of


def test_milliseconds_are_kept_exactly() -> None:
    assert time_of(1_700_000_000_123) == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(("ms", "year"), [(-5, 1970), (1 << 62, 9999)])
def test_what_no_date_can_hold_is_cut(ms: int, year: int) -> None:
    assert time_of(ms).year == year
