from __future__ import annotations

import asyncio

import pytest

from bench.load import load


class Written:
    """Confirms everything, until it is to fail."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.at_once = 0
        self.at_once_max = 0
        self.count = 0
        self._fails_at = fails_at

    async def write(self, value: bytes) -> None:
        self.count += 1
        if self.count == self._fails_at:
            raise ConnectionError("gone")
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1


async def test_it_writes_so_many_at_a_time_until_the_body_ends() -> None:
    written = Written()
    async with load(written.write, b"x", 3) as traffic:
        await traffic.more(10)
    assert written.at_once_max == 3
    assert written.at_once == 0
    assert len(traffic.confirmed) == written.count >= 10
    assert traffic.confirmed == sorted(traffic.confirmed)


async def test_a_write_that_fails_ends_the_body() -> None:
    with pytest.raises(ExceptionGroup) as ended:
        async with load(Written(fails_at=5).write, b"x", 1) as traffic:
            await traffic.more(1_000_000)
    assert ended.group_contains(ConnectionError)
