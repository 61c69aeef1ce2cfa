from __future__ import annotations

import asyncio
import logging

import grpc.aio
import pytest
from google.protobuf.message import DecodeError

from ringchat_server.transport.weather import calm_grpc, is_weather


def test_calls_that_end_are_weather_and_bugs_are_not() -> None:
    assert is_weather(asyncio.InvalidStateError("RPC already finished"))
    assert is_weather(grpc.aio.UsageError("the call is over"))
    assert is_weather(grpc.RpcError())
    assert not is_weather(ValueError("a bug"))
    assert not is_weather(AssertionError())
    assert not is_weather(grpc.aio.AbortError("what a handler says"))


@pytest.mark.parametrize(
    ("error", "is_line"),
    [
        (DecodeError("Error parsing message"), True),
        (grpc.aio.UsageError("the call is over"), True),
        (asyncio.CancelledError(), True),
        (ValueError("a bug"), False),
    ],
)
def test_grpc_prints_a_page_for_bugs_only(
    error: BaseException, is_line: bool, caplog: pytest.LogCaptureFixture
) -> None:
    calm_grpc()
    calm_grpc()  # twice is once
    logger = logging.getLogger("grpc._cython.cygrpc")
    assert len(logger.filters) == 1
    try:
        raise error
    except BaseException:
        logger.exception("Unexpected error")
    record = caplog.records[-1]
    assert (record.exc_info is None) == is_line
    assert ("Traceback" in caplog.text) != is_line
