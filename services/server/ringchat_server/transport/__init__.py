"""gRPC on both ports: the only place that knows both protobuf and the core's values.

- `wire.py`: the replicas' messages as protobuf, and back
- `links.py`: one link between each two replicas, with its handshake
- `requests.py`: clients' requests as proposals, answers as responses
- `secrets.py`: passwords and tokens
- `sessions.py`: the pipelined session; who receives messages
- `service.py`: the unary calls and the heartbeat
- `relay.py`: serving a client through a backup
- `ports.py`: the two servers, health and reflection
"""
