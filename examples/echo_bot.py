"""Answers who speaks to it, directly or by its name in a room: echo_bot.py CLUSTER.YAML NAME."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from ringchat_client import Client, InvalidArgument, Message, NotFound, PermissionDenied


def answer_to(message: Message, me: str) -> str | None:
    """What the bot says to that; None if it is not spoken to."""
    if message.sender == me or message.deleted_at is not None:
        return None
    if isinstance(message.conversation, str):
        return message.text
    spoken_to = re.compile(rf"(?<!\w)@{re.escape(me)}(?!\w)[,:]?\s*")
    text, mentions = spoken_to.subn("", message.text)
    return text.strip() or "yes?" if mentions else None


async def run(client: Client, me: str) -> None:
    """Answer until the client is closed; what came while the bot was away comes first."""
    async for message in client.receive_messages():
        answer = answer_to(message, me)
        if answer is not None:
            try:
                await client.send_message(message.conversation, answer, reply_to=message.id)
            except (InvalidArgument, NotFound, PermissionDenied) as error:
                print(f"no answer to {message.sender!r}: {error}", file=sys.stderr)
        # Only now: should the bot die before, the message comes again.
        await client.acknowledge(message.id)


async def main(cluster: Path, name: str) -> None:
    """Log in with the password in RINGCHAT_PASSWORD, and answer."""
    async with Client(cluster) as client:
        login = await client.log_in(name, os.environ["RINGCHAT_PASSWORD"])
        await run(client, login.name)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
