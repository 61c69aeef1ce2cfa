"""What goes wrong on a network without anybody's fault: calls that end while they are used.

Such an error is met where it comes up, and logged nowhere as a bug.
"""

from __future__ import annotations

import asyncio
import logging

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

WEATHER = (
    grpc.RpcError,
    grpc.aio.UsageError,
    grpc.aio.InternalError,
    asyncio.InvalidStateError,
)
"""A call that ended while it was written to or read."""

_ONE_LINE = (*WEATHER, DecodeError, asyncio.CancelledError)
"""Also what a caller has garbled, and a call that is under way when the process leaves."""

_GRPC_LOGGER = "grpc._cython.cygrpc"


def is_weather(error: BaseException) -> bool:
    """Whether an error is of that kind."""
    return isinstance(error, WEATHER)


class _OneLine(logging.Filter):
    """gRPC prints a page for a caller that has gone, or that sends garbage: a line is enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always keeps the record; shortens those that are nobody's bug."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, _ONE_LINE):
            reason = " ".join(str(error).split()) or type(error).__name__
            record.msg, record.args = "a call failed: %s", (reason,)
            record.exc_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def calm_grpc() -> None:
    """From here on gRPC logs the weather in one line."""
    logger = logging.getLogger(_GRPC_LOGGER)
    if not any(isinstance(one, _OneLine) for one in logger.filters):
        logger.addFilter(_OneLine())
