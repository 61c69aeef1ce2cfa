"""Faults for a real cluster in containers, given through the Docker SDK.

- `cluster.py`: a compose cluster of its own beside the usual one, and how to ask it
- `faults.py`: what can be done to a replica's container, and undone
"""
