"""The state of the cluster, as each of its replicas tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc

from ringchat_client.connection import answer_of, heartbeat, open_channel, reason_of
from ringchat_client.ring import NO_VIEW
from ringchat_client.values import ReplicaStatus, Status
from ringchat_proto import chat_pb2 as pb

__all__ = ["status_of"]


async def status_of(addresses: Sequence[str], timeout: float) -> Status:
    """Ask every replica; those that do not answer in time are "unreachable"."""
    answers = await asyncio.gather(*(_ask(address, timeout) for address in addresses))
    heard = [answer for answer in answers if isinstance(answer, pb.SendHeartbeatResponse)]
    view = max((answer.view for answer in heard), default=NO_VIEW)
    serving = [a for a in heard if a.serving and a.view == view]
    return Status(
        view=view,
        master_id=serving[0].master_id if serving else -1,
        prefer=heard[0].prefer if heard else "",
        replicas=tuple(
            _replica_status(i, addresses[i], answer) for i, answer in enumerate(answers)
        ),
    )


async def _ask(address: str, timeout: float) -> pb.SendHeartbeatResponse | str:
    """The answer of one replica, or why there is none."""
    channel = open_channel(address, timeout)
    try:
        return await heartbeat(channel, None, timeout)
    except grpc.aio.AioRpcError as error:
        return reason_of(error, address)
    finally:
        await channel.close()


def _replica_status(
    replica_id: int, address: str, answer: pb.SendHeartbeatResponse | str
) -> ReplicaStatus:
    if isinstance(answer, str):
        return ReplicaStatus(
            replica_id, "unreachable", False, 0, 0, "", NO_VIEW, address, reason=answer
        )
    reason = answer_of(answer).reason
    if answer.replica_id != replica_id:
        reason = f"it says that it is replica {answer.replica_id}"
    return ReplicaStatus(
        id=replica_id,
        role=answer.status.role,
        in_sync=answer.status.in_sync,
        commit_index=answer.status.commit_index,
        entries=answer.status.entries,
        state_hash=answer.status.state_hash.hex(),
        view=answer.view,
        address=address,
        reason=reason,
    )
